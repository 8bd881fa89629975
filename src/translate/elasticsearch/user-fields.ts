/** The user's own mapping file, its part about fields of documents: other names and places, for live logs, back-fill and dashboards alike. */

/** What the user's file says of a field. */
export interface OwnField {
  readonly drop: boolean
  readonly resource: boolean
  /** New name; the path itself where only the place is another one. */
  readonly name: string
}

export interface FieldMapping {
  /** What the file says of exactly this path; undefined: nothing. */
  named(path: string): OwnField | undefined
  /** What the first of its patterns that fits says; undefined: none does. */
  fitting(path: string): OwnField | undefined
}
