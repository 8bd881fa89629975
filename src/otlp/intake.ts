/** What lies between receiving and sending: an encoded batch, and the door it goes through. Neither side knows the other. */

import type { ServiceCount } from './batch.ts'

/** OTLP signal that a batch belongs to. */
export type Signal = 'traces' | 'metrics' | 'logs'

/**
 * A request as it was received, for the old backend: what it is made of is known to `mirror/envelope.ts` alone. Of a request that is too large to
 * be in memory each part is one.
 */
export interface Envelope {
  /** Which mirror it goes to: `mirror.zipkin`, `mirror.jaeger.http`. */
  readonly mirror: string
  /** Legacy format, as that of the batch. */
  readonly format: string
  /** Spans, samples or documents in it, as far as they could be decoded. */
  readonly items: number
  /** The receiver of an envelope owns it. */
  readonly data: Uint8Array
}

/** Who sent a request, as far as the transport knows; for the list of those who still send legacy formats. */
export interface Client {
  /** Address of the peer, without a port. */
  readonly address: string
  readonly userAgent: string | undefined
  /** Other headers that name a library, by name in lower case: `x-elastic-client-meta`. */
  readonly hints?: Readonly<Record<string, string>> | undefined
}

/**
 * One request's worth of OTLP, encoded. `data` is a whole `Export<Signal>ServiceRequest`, so that two of them
 * concatenated are one again (repeated field 1). The receiver of a batch owns `data` and may keep or transfer it.
 */
export interface EncodedBatch {
  /** Legacy format the items came in, as in `interface.md`: `zipkin-json`, `jaeger-thrift-binary`, … */
  readonly format: string
  readonly signal: Signal
  /** Spans, data points or log records in `data`. */
  readonly items: number
  readonly data: Uint8Array
  /** The same request as it came, where it has a mirror: both are taken, in one step, or none. Then `items` may be 0 and `data` empty. */
  readonly envelope?: Envelope | undefined
  /** Where it came in, as in `interface.md`: `zipkin`, `jaeger.http`; for the switches of the cutover. Undefined where it has none. */
  readonly endpoint?: string | undefined
  /** Whose items those in `data` are: services, jobs or indices. For the books of the cutover. */
  readonly keys?: readonly ServiceCount[] | undefined
  /** Who sent them; undefined where several did (datagrams that were put together, topics). */
  readonly client?: Client | undefined
  /** Items of the same request that the old backend has taken already, while the client waited (`answer: legacy`); only without an envelope. */
  readonly answered?: number | undefined
  /** Its items came with earlier requests, and waited to be put together: as received, they were counted with those. */
  readonly late?: boolean | undefined
  /** What the books know the batch by when it leaves the queue, also after a restart. Opaque to the queue; some ten bytes. */
  readonly account?: Uint8Array | undefined
  /**
   * With `ack: forwarded`: called before `put` resolves when an endpoint took the request but not all of it. How many of these items it left
   * out; where several batches went in one request, all of its own that can be.
   */
  readonly onRejected?: ((items: number) => void) | undefined
}

/** Something an earlier run kept and did not let go of. */
export interface Kept {
  readonly id: number
  readonly data: Uint8Array
}

/**
 * A place for what was answered but cannot be sent yet (a histogram of which members are still to come). It has the durability of the queue:
 * what is kept with a batch is stored in the same transaction.
 */
export interface Holding {
  /**
   * As `Intake.put`, and keeps `keep` with it: both are stored or none. Rejects as it does, and with `OB_QUEUE_FULL` when all that is kept is at a
   * quarter of `queue.maxSize`, or 256 MiB. @param batch undefined: nothing to send yet. @param keep the holding's own from now on, not to be written to any more
   * Resolves with the id of what was kept, larger than every earlier one's; puts are stored in the order in which they were called.
   */
  put(batch: EncodedBatch | undefined, keep: Uint8Array): Promise<number>
  /** Lets go of everything kept under `name` with ids up to this one. Never rejects; a crash shortly after it may bring some of them back. */
  release(id: number): void
  /**
   * Begins anew with everything that is kept under this name and was not let go of, by runs that ended or by whoever held it before in this
   * process: oldest first and some 16 MiB at a time. To be called until it gives nothing, before the first put and before anything is released. One
   * `Holding` is one holder: another one of the same name begins with the first again.
   * Waits while the store cannot be read; rejects with `OB_STOPPING` only.
   */
  recover(): Promise<readonly Kept[]>
}

export interface HoldingOptions {
  /**
   * What is kept here lets other things go: it may take as much again as all may, since otherwise nothing could be
   * sent any more once that is full.
   */
  readonly makesRoom?: boolean
}

/** Parts of one request that become the queue's together, or not at all: what is too large to be in memory whole, or of several signals. */
export interface Staging {
  /**
   * Stores a part where nobody sends it yet; resolves when the next one may come. Rejects as `Intake.put` does: nothing of the whole can be
   * committed then, and it is to be discarded.
   */
  add(batch: EncodedBatch): Promise<void>
  /** Makes all parts the queue's in one step, and resolves or rejects as `Intake.put`; when it rejects nothing was taken. */
  commit(): Promise<void>
  /** Lets go of the parts, as a crash does. Never throws. Does nothing after `commit`. */
  discard(): void
}

/** Where adapters put what they have translated. */
export interface Intake {
  /**
   * Resolves when the data is where `queue.ack` says it must be before the client may hear of success.
   * Rejects with `OB_QUEUE_FULL`, `OB_QUEUE_BROKEN` or `OB_STOPPING`; then nothing was taken.
   */
  put(batch: EncodedBatch): Promise<void>
  /** Begins a request of several parts. */
  stage(): Staging
  /**
   * Asked before a body is read or decoded: undefined when data would be taken, else the error to answer with.
   * @param mirror where the envelope of the request goes (`mirror.zipkin`), when it has one: a mirror that must have the data must have room, too
   */
  refusal(mirror?: string): Error | undefined
  /** The place to keep things under a name of one's own; undefined where the queue has none that outlives the process (memory, Kafka, `ack: forwarded`). */
  holding?(name: string, options?: HoldingOptions): Holding | undefined
}
