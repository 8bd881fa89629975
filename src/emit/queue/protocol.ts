/** What the two sides of the disk queue say to each other: ./disk.ts on the main thread, ./disk-worker.ts beside it. */

import type { Kept } from '../../otlp/intake.ts'
import type { Held } from './accounts.ts'
import type { BrokenLog } from './log-damage.ts'
import type { Cargo } from './outcomes.ts'
import type { DeadPart, Stranded } from './queue.ts'

/** Handed to the worker at its start. */
export interface WorkerOptions {
  /** State folder. */
  readonly path: string
  /** Name of this process in the store; the same again when the worker has to be started anew. */
  readonly run: string
  /** `FULL`: every commit is flushed. `NORMAL`: only checkpoints are. */
  readonly synchronous: 'FULL' | 'NORMAL'
  readonly ballastBytes: number
  /** Values of a round are laid into it by the main thread; one round is under way at a time. */
  readonly slab: SharedArrayBuffer
  /** Rows of this run above it were never acknowledged (a commit in doubt) and are removed at the start; -1: there are none yet. */
  readonly lastId: number
  /** What this process sends to, in the order of the configuration. */
  readonly destinations: readonly string[]
}

/** Columns of {@link RoundRequest.puts}: one row of numbers for each batch and destination. */
export const putColumns = 10
export const putColumn = {
  id: 0,
  format: 1,
  signal: 2,
  items: 3,
  queuedAtMs: 4,
  offset: 5,
  length: 6,
  destination: 7,
  /** So many rows, this one and the next, have one value. */
  sharedBy: 8,
  /** Of a value that was staged, and `offset` is the number of its part; -1: the value is at `offset`. */
  crc: 9,
} as const

/** Columns of {@link RoundRequest.stages}: one row of numbers for each part of a request that is not the queue's yet. */
export const stageColumns = 4
export const stageColumn = { request: 0, part: 1, offset: 2, length: 3 } as const

/** Columns of {@link RoundRequest.commits}: whose parts the rows of `puts` from `first` on are, and how many parts it has in the store. */
export const commitColumns = 4
export const commitColumn = { request: 0, first: 1, rows: 2, parts: 3 } as const

/** A part of a request whose bytes are in the store already. */
export interface StagedValue {
  /** Its number within the request. */
  readonly part: number
  /** CRC-32 of the bytes. */
  readonly crc: number
  readonly byteLength: number
}

/** Columns of {@link RoundRequest.keeps}: one row of numbers for each value. */
export const keepColumns = 4
export const keepColumn = { name: 0, queuedAtMs: 1, offset: 2, length: 3 } as const

/** Columns of {@link RoundRequest.accounts}: place of the row in `puts`, and where its account is. In the order of the rows. */
export const accountColumns = 3
export const accountColumn = { row: 0, offset: 1, length: 2 } as const

/** What is kept under a name is let go of, up to an id. */
export interface Release {
  readonly name: string
  readonly id: number
}

/** One transaction: removals, burials, puts. */
export interface RoundRequest {
  readonly kind: 'round'
  /** `id` 0: give it one. `format`, `signal` and `destination` are places in `names`. */
  readonly puts: Float64Array
  /** The values, when they do not fit the slab. */
  readonly large: SharedArrayBuffer | undefined
  readonly names: readonly string[]
  readonly deletes: Float64Array
  /** Rows whose value others may have too. */
  readonly sharedDeletes: Float64Array
  readonly buries: readonly Burial[]
  /** Values beside the batches; `name` is a place in `names`. */
  readonly keeps: Float64Array | undefined
  readonly releases: readonly Release[] | undefined
  /** What batches are known by when they leave. */
  readonly accounts: Float64Array | undefined
  /** Parts of requests that are not the queue's yet. */
  readonly stages: Float64Array | undefined
  /** Requests all of whose parts become the queue's. */
  readonly commits: Float64Array | undefined
  /** Requests whose parts nobody wants any more. */
  readonly discards: Float64Array | undefined
}

export interface Burial {
  readonly ids: readonly number[]
  readonly reason: string
  readonly message: string
  readonly diedAtMs: number
  /** Undefined: the rows become dead letters as they are. Else these do, with format and times of the first row; each has its own reason. */
  readonly parts?: readonly DeadPart[] | undefined
}

/** From now on this process sends to these; what it holds for others is let go. */
export interface DestinationsRequest {
  readonly kind: 'destinations'
  readonly destinations: readonly string[]
}

/** An owner of rows, and its mark: the highest id that may have been sent. */
export interface OwnerMark {
  readonly id: number
  readonly mark: number
}

export interface PageRequest {
  readonly kind: 'page'
  readonly destination: string
  /** Whose rows; undefined: what this run has put. */
  readonly owners: readonly OwnerMark[] | undefined
  readonly afterId: number
  readonly limit: number
}

export interface ReadRequest {
  readonly kind: 'read'
  readonly ids: readonly number[]
  /**
   * Memory for each of the values, transferred with the request and back with the answer: what one thread takes and another gives back would be spread
   * over the memory of both. Empty, or too little of it: the worker takes its own.
   */
  readonly into: readonly ArrayBuffer[]
}

/** What this run and ended ones have kept under a name, some of it. */
export interface RecoverRequest {
  readonly kind: 'recover'
  readonly name: string
  /** Look for runs that have ended since. */
  readonly adopt: boolean
  readonly afterId: number
  readonly maxBytes: number
}

export interface AdoptRequest {
  readonly kind: 'adopt'
}

/** Asks whether a fault is over: writes a little, takes the ballast back. */
export interface ProbeRequest {
  readonly kind: 'probe'
}

export interface CloseRequest {
  readonly kind: 'close'
  /** Destinations for which nothing is left: the run need not be remembered there. */
  readonly empty: readonly string[]
}

export type Request =
  | RoundRequest
  | DestinationsRequest
  | PageRequest
  | ReadRequest
  | RecoverRequest
  | AdoptRequest
  | ProbeRequest
  | CloseRequest

/** A row without its value. */
export interface Row {
  readonly id: number
  readonly format: string
  readonly signal: Cargo
  readonly items: number
  readonly bytes: number
  readonly queuedAtMs: number
  readonly maybeSent: boolean
  /** Its value stands apart, others may have it too. */
  readonly shared: boolean
  readonly account: Uint8Array | undefined
}

/** Rows of other runs that are ours now, found at the start or when their owner died. */
export interface FoundSource {
  readonly destination: string
  readonly owners: readonly OwnerMark[]
  readonly sums: readonly (Held & { readonly batches: number })[]
  readonly oldestAtMs: number
}

export interface DeadItems {
  readonly destination: string
  readonly items: number
}

export type FaultKind = 'full' | 'io' | 'replaced'

/** The request was not carried out. */
export interface Fault {
  readonly kind: FaultKind
  readonly message: string
  /** `full`: removals and burials of the round are done all the same. */
  readonly removalsDone: boolean
  /** `replaced`: the store could not be read and is a new one now; what could be saved is in it. */
  readonly replaced: Replaced | undefined
}

export interface Replaced {
  /** Where the old file is; undefined when another process set it aside. */
  readonly file: string | undefined
  /** Ids of the batches that are in the new file. */
  readonly ids: Float64Array
}

export interface RoundAnswer {
  readonly kind: 'round'
  /** The puts without an id have this and the following ones, in order; then what is kept. */
  readonly firstId: number
  /** CRC-32 of each staged part; -1: the parts before it are no longer in the store. */
  readonly crcs: Float64Array | undefined
  /** Places in `commits` of requests whose parts are not in the store as they should be: nothing of them was put, though their ids are used up. */
  readonly lost: readonly number[] | undefined
  /** Bytes of the file that are in use, by all processes. */
  readonly usedBytes: number
  /** Size of the ballast, which is smaller on a small disk; 0: there is none. */
  readonly ballastBytes: number
  readonly dead: readonly DeadItems[]
}

export interface PageAnswer {
  readonly kind: 'page'
  readonly rows: readonly Row[]
}

export interface ReadAnswer {
  readonly kind: 'read'
  /** In the order asked for; undefined: damaged (and set aside) or gone. */
  readonly values: readonly (Uint8Array | undefined)[]
}

export interface KeptAnswer {
  readonly kind: 'kept'
  /** Oldest first; empty: there is no more. */
  readonly kept: readonly Kept[]
  /** Values whose checksum did not hold; set aside. */
  readonly damaged: number
}

export interface AdoptAnswer {
  readonly kind: 'adopt'
  readonly found: readonly FoundSource[]
  readonly brokenLogs: readonly BrokenLog[]
  readonly stranded: readonly Stranded[]
  readonly dead: readonly DeadItems[]
  readonly usedBytes: number
}

export interface DoneAnswer {
  readonly kind: 'done'
}

export type Answer = RoundAnswer | PageAnswer | ReadAnswer | KeptAnswer | AdoptAnswer | DoneAnswer

export type Reply = { readonly answer: Answer; readonly fault: undefined } | { readonly answer: undefined; readonly fault: Fault }
