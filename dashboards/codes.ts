/**
 * Codes of notes. They are public: never renumbered, never used for something else. The reference of codes is made of this table.
 * `G` Grafana, `P` PromQL, `L` logs, `K` Kibana, `T` traces, `A` alerts, `F` files and options.
 */

export interface CodeRow {
  /** A short name. */
  readonly title: string
  /** Why it is so, one or two sentences. */
  readonly why: string
  /** What to do, one or two sentences. */
  readonly todo: string
}

export const codes = {
  'OBD-F-001': {
    title: 'Not understood',
    why: 'The file is none of the formats that can be converted.',
    todo: 'Name the format with --from if it is one; else leave the file out.',
  },
} as const satisfies Readonly<Record<`OBD-${'G' | 'P' | 'L' | 'K' | 'T' | 'A' | 'F'}-${string}`, CodeRow>>

export type Code = keyof typeof codes
