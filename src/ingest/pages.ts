/** What the pages of a legacy server need from the rest of the program; handed in, because ingest knows none of it. */

export interface Pages {
  /** Version of this program. */
  readonly version: string
  /** Where the data goes: the endpoint of `emit`. Named in answers to read requests. */
  readonly endpoint: string
  /** Undefined when all is well, else why not, in one line. */
  trouble(): string | undefined
  /** All metrics in the Prometheus text format. */
  exposition(): Promise<{ readonly contentType: string; readonly text: string }>
}
