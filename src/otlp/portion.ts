/** Leaves some of an encoded request out: spans by their trace, metrics by their target or family, log records by their stream. On the bytes, as split.ts. */

import { attributesTag } from './codes.ts'
import { type ProtoReader, WireType } from './decode/reader.ts'
import type { Signal } from './intake.ts'
import { type Chosen, Rebuilt } from './rebuild.ts'
import { type ClassOfItem, firstField, type Group, Survey, traceIdTag } from './survey.ts'

/** Says who stays. Asked for the same thing it answers the same. */
export interface Keeps {
  /** @param hi, lo the low 8 bytes of the trace id as two unsigned words */
  trace(hi: number, lo: number): boolean
  text(key: string): boolean
  /** What of metrics belongs together. */
  readonly metrics: 'target' | 'family'
}

/** What stayed of a request. */
export interface Portion {
  /** The request itself when all of it stayed; else with memory of its own; empty when nothing did. */
  readonly data: Uint8Array
  /** Spans, data points or log records in it. */
  readonly items: number
  /** Those that were left out. */
  readonly skipped: number
}

const bytesOf = (field: number): number => (field << 3) | WireType.Bytes
const nameTag = bytesOf(1)
const keyTag = bytesOf(1)
const valueTag = bytesOf(2)
const stringTag = bytesOf(1)

const out = 0
const kept = 1

/** Attributes of a resource that make the key, in this order: a target of Prometheus. */
const targetKeys = ['service.namespace', 'service.name', 'service.instance.id']
/** Of a log record the first of these that its resource has, else the service. */
const hostKeys = ['host.name', 'service.instance.id', 'container.id', 'service.name']
/** The index or data stream, on the record or its resource. */
const streamKeys = ['elasticsearch.index', 'data_stream.dataset']

/** The members of classic histograms and summaries, and of counters: one family each. */
const familySuffix = /(?:_bucket|_count|_sum|_total|_created)$/

const textOf = (reader: ProtoReader, end: number): string => {
  const text = Buffer.from(reader.bytes.buffer, reader.bytes.byteOffset + reader.at, end - reader.at).toString()
  reader.at = end
  return text
}

/** Texts of attributes with these keys, in the message that the reader stands before; of one that stands twice the first. */
function texts(reader: ProtoReader, end: number, tag: number, keys: readonly string[], found: (string | undefined)[]): void {
  const outer = reader.end
  reader.end = end
  while (reader.at < end) {
    const one = reader.varint32()
    if (one !== tag) {
      reader.skip(one)
      continue
    }
    const stop = reader.length()
    let place = -1
    let value: string | undefined
    reader.end = stop
    while (reader.at < stop) {
      const part = reader.varint32()
      if (part === keyTag) place = keys.indexOf(textOf(reader, reader.length()))
      else if (part === valueTag && place >= 0) {
        const until = reader.length()
        const kind = reader.at < until ? reader.varint32() : 0
        if (kind === stringTag) value = textOf(reader, reader.length())
        reader.at = until
      } else reader.skip(part)
    }
    reader.end = end
    if (place >= 0 && value !== undefined) found[place] ??= value
  }
  reader.end = outer
}

/** One request on its way through. */
class Sieve {
  readonly #keeps: Keeps
  readonly #survey: Survey
  readonly #rebuilt: Rebuilt
  readonly #ofItem: ClassOfItem
  #resource: (string | undefined)[] = []
  items = 0
  skipped = 0

  constructor(signal: Signal, data: Uint8Array, keeps: Keeps) {
    this.#keeps = keeps
    this.#survey = new Survey(signal, data)
    this.#rebuilt = new Rebuilt(data)
    this.#ofItem =
      signal === 'traces'
        ? (reader, end) => this.#span(reader, end)
        : signal === 'logs'
          ? (reader, end) => this.#record(reader, end)
          : (reader, end) => this.#family(reader, end)
  }

  run(): Uint8Array {
    const survey = this.#survey
    while (survey.next()) {
      if (survey.isGroup) this.#group()
      else this.#rebuilt.copy(survey.from, survey.to)
    }
    return this.#rebuilt.bytes()
  }

  #span(reader: ProtoReader, end: number): number {
    const stop = firstField(reader, end, traceIdTag)
    // What is no trace id is for the endpoint to judge.
    if (stop - reader.at !== 16) return kept
    return this.#keeps.trace(reader.view.getUint32(stop - 8), reader.view.getUint32(stop - 4)) ? kept : out
  }

  #record(reader: ProtoReader, end: number): number {
    const stream: (string | undefined)[] = this.#resource.slice(hostKeys.length)
    texts(reader, end, attributesTag.logRecord, streamKeys, stream)
    const host = this.#resource.slice(0, hostKeys.length).find((one) => one !== undefined) ?? ''
    return this.#keeps.text(`${stream[0] ?? stream[1] ?? ''}\n${host}`) ? kept : out
  }

  #family(reader: ProtoReader, end: number): number {
    const stop = firstField(reader, end, nameTag)
    const name = stop < 0 ? '' : textOf(reader, stop)
    return this.#keeps.text(name.replace(familySuffix, '')) ? kept : out
  }

  #group(): void {
    const survey = this.#survey
    survey.enter()
    const { signal } = survey
    const byTarget = signal === 'metrics' && this.#keeps.metrics === 'target'
    if (signal === 'logs' || byTarget) {
      const keys = byTarget ? targetKeys : [...hostKeys, ...streamKeys]
      this.#resource = keys.map(() => undefined)
      for (let at = 0; at < survey.resources.length; at += 2) {
        const end = survey.value(survey.resources[at] as number, survey.resources[at + 1] as number)
        texts(survey.reader, end, attributesTag.resource, keys, this.#resource)
      }
    }
    if (byTarget) this.#whole(this.#keeps.text(this.#resource.map((one) => one ?? '').join('\n')))
    else this.#byItems(survey.group(this.#ofItem, true))
  }

  /** A resource that stays or goes as it is. */
  #whole(stays: boolean): void {
    const items = this.#survey.count()
    if (!stays) {
      this.skipped += items
      return
    }
    this.items += items
    this.#rebuilt.copy(this.#survey.from, this.#survey.to)
  }

  #byItems(group: Group): void {
    const { from, to } = this.#survey
    let skipped = 0
    let items = 0
    const chosen: Chosen[] = []
    for (const scope of group.scopes) {
      const bounds: number[] = []
      for (const run of scope.runs) {
        if (run.class === kept) {
          bounds.push(run.from, run.to)
          items += run.items
        } else skipped += run.items
      }
      if (bounds.length > 0) chosen.push({ scope, items: bounds })
    }
    this.items += items
    this.skipped += skipped
    if (skipped === 0) this.#rebuilt.copy(from, to)
    else if (items > 0) this.#rebuilt.group(group, chosen)
  }
}

/** What stays of a request. Throws OB_DECODE_PROTO when it cannot be read. */
export function portionOf(signal: Signal, data: Uint8Array, keeps: Keeps): Portion {
  const sieve = new Sieve(signal, data, keeps)
  const rebuilt = sieve.run()
  const { items, skipped } = sieve
  if (skipped === 0) return { data, items, skipped }
  return { data: items === 0 ? new Uint8Array(0) : rebuilt, items, skipped }
}
