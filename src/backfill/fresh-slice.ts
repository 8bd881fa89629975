/** A slice of a plan, before anybody has it. */

import { noCounts } from './counts.ts'
import type { SliceRecord } from './ledger.ts'
import type { SliceSpec } from './model.ts'

/** The record of a slice that waits for the first time, without its place in the list. */
export const freshSlice = (id: string, spec: SliceSpec): Omit<SliceRecord, 'order'> => ({
  ...spec,
  id,
  state: 'pending',
  cursor: undefined,
  page: 0,
  epoch: 0,
  owner: '',
  attempts: 0,
  reason: '',
  error: '',
  startedMs: undefined,
  endedMs: undefined,
  counts: noCounts,
})
