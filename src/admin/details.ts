/** What was refused or lost, by reason, out of the status. */

import type { Details } from './api.ts'
import type { Status } from './status.ts'

type Loss = Details['losses'][number]

/** The most of each kind first. */
export function detailsOf({ losses, workers = [] }: Status): Details {
  const of = (what: Loss['what'], list: Status['losses']['dead']): Loss[] =>
    list.map(({ value, ...one }) => ({ what, ...one, count: value }))
  return {
    losses: [
      ...of('shed', losses.dropped),
      ...of('set aside', losses.dead),
      ...of('refused', losses.refused),
      ...of('refused requests', losses.refusedRequests),
      ...of('noticed', losses.notes),
    ],
    workers: workers.map(({ sinceMs, ...one }) => ({ ...one, since: new Date(sinceMs).toISOString() })),
  }
}
