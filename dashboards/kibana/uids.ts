/** Uids of new dashboards: last sentence of section 8.3. */

import { createHash } from 'node:crypto'

/** The saved object's id where Grafana takes it: at most 40 letters, digits, `_` and `-`; else a hash of it. */
export const uidOf = (id: string): string =>
  /^[A-Za-z0-9_-]{1,40}$/.test(id) ? id : createHash('sha256').update(id).digest('hex').slice(0, 32)
