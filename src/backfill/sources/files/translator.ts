/** What every translator of records of files is. */

import type { PageBuilder } from '../payload-page.ts'
import type { FileRecord } from './records.ts'

/** Adds what records became to a page; returns, for each, whether something of it went on. */
export type RecordsTranslator = (
  records: readonly FileRecord[],
  page: PageBuilder,
  where: (record: FileRecord) => string,
) => readonly boolean[]
