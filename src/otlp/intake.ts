/** What lies between receiving and sending: an encoded batch, and the door it goes through. Neither side knows the other. */

/** OTLP signal that a batch belongs to. */
export type Signal = 'traces' | 'metrics' | 'logs'

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
}

/** Where adapters put what they have translated. */
export interface Intake {
  /**
   * Resolves when the data is where `queue.ack` says it must be before the client may hear of success.
   * Rejects with `OB_QUEUE_FULL`, `OB_QUEUE_BROKEN` or `OB_STOPPING`; then nothing was taken.
   */
  put(batch: EncodedBatch): Promise<void>
  /** Asked before a body is read or decoded: undefined when data would be taken, else the error to answer with. */
  refusal(): Error | undefined
}
