/** Fields of documents → where they are after OTLP, in Loki or in Elasticsearch with OpenTelemetry's names: section 7.1 of the reference. */

/** Where a field is in the target. */
export interface FieldPlace {
  /**
   * `label`: usable in a stream selector. `metadata`: behind a pipe. `line`: the log line itself. `json`: in a line that is JSON, behind `| json`.
   * `time`: the timestamp. `gone`: nowhere.
   */
  readonly where: 'label' | 'metadata' | 'line' | 'json' | 'time' | 'gone'
  /** As queries write it there. */
  readonly name: string
  /** The attribute's OTLP name. */
  readonly attribute: string
  /** Whether letters' case or spelling of values may differ from the documents' (`log.level`). */
  readonly changesCase: boolean
  /** False: it depends on documents, and the note says how. */
  readonly certain: boolean
  readonly why?: string | undefined
}

export interface FieldNaming {
  /** @param index pattern of the indices that are asked; undefined: unknown */
  field(name: string, index?: string): FieldPlace
  /** Whether values of a field are analysed text rather than keywords. */
  isText(name: string, index?: string): boolean
  /** The stream selector that stands for an index pattern (`{service_name="nginx"}`), as the mapping says it; undefined: it says none. */
  selectorOf(index: string): string | undefined
  /** Whether documents of an index became metrics. */
  areMetrics(index: string): boolean
  /** Fields of an index pattern, where an export lists them; undefined: unknown. */
  fieldsOf(index: string): readonly string[] | undefined
}
