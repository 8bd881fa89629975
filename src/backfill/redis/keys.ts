/** Names of what a run has in Redis. All begin with the run in braces, so that a cluster keeps them together; the queue's own are beside them. */

/** Before everything of ours, and the queue's `prefix`. */
export const keyPrefix = 'otlp-bridge'

/** Of the queue: its keys are `otlp-bridge:{run}:…`. */
export const queueName = (run: string): string => `{${run}}`

/** Runs that are there. */
export const runsKey = `${keyPrefix}:backfill:runs`

export interface Keys {
  /** `RunMeta` as JSON. */
  readonly meta: string
  /** How the run is done: `state`, `order`, `slackMs`, `only`, `skipRefused`. */
  readonly control: string
  /** Slice id → its place in the list. */
  readonly order: string
  /** Pending slices that are not known to be in the queue, by their time. */
  readonly todo: string
  /** Slices that are not finished and have a time, by how far they have come: the frontier is the first. */
  readonly open: string
  /** State → how many. */
  readonly states: string
  /** Slice id → number of its last change. */
  readonly changed: string
  readonly seq: string
  /** Dead letter → JSON; their numbers; their bytes; those that were let go of. */
  readonly dead: string
  readonly deadIds: string
  readonly deadSeq: string
  readonly deadBytes: string
  readonly deadGone: string
  /** The common budget. */
  readonly rate: string
  /** Worker → what it tells of itself, JSON. */
  readonly workers: string
  slice(id: string): string
}

/** Keys of one run. */
export function keysOf(run: string): Keys {
  const of = (name: string): string => `${keyPrefix}:{${run}}:ledger:${name}`
  return {
    meta: of('meta'),
    control: of('control'),
    order: of('order'),
    todo: of('todo'),
    open: of('open'),
    states: of('states'),
    changed: of('changed'),
    seq: of('seq'),
    dead: of('dead'),
    deadIds: of('dead-ids'),
    deadSeq: of('dead-seq'),
    deadBytes: of('dead-bytes'),
    deadGone: of('dead-gone'),
    rate: of('rate'),
    workers: of('workers'),
    slice: (id) => `${keyPrefix}:{${run}}:slice:${id}`,
  }
}
