/** What decides how an item is translated: section `translate`, and what is in the files that it names. */

import { createHash } from 'node:crypto'
import type { RunMeta } from '../backfill/ledger.ts'
import { mappingOf } from '../backfill/plan.ts'
import { type Config, configSchema } from '../config/compose.ts'
import { mappingRevisions } from '../config/user-mapping.ts'
import { mappingHashOf } from '../parity/mapping-hash.ts'

export interface RunMapping {
  /** 16 hex digits; another one for other contents of a file under the same name. */
  readonly hash: string
  /** What is not as by default, by path; of files a sum of their contents. */
  readonly mapping: NonNullable<RunMeta['mapping']>
}

/** Reads the files that are named; one that cannot be read is told from all that can. */
export async function runMappingOf(config: Config): Promise<RunMapping> {
  const plain = mappingHashOf(config)
  const mapping = mappingOf(config.translate, configSchema.shape.translate.parse(undefined))
  const revisions = [...(await mappingRevisions(config.translate))]
  if (revisions.length === 0) return { hash: plain, mapping }
  const hash = createHash('sha256')
    .update(JSON.stringify([plain, ...revisions]))
    .digest('hex')
    .slice(0, 16)
  for (const [format, revision] of revisions) mapping[`${format}.mapping (contents)`] = revision.slice(0, 16)
  return { hash, mapping }
}
