/**
 * The OTLP log model as columns, shaped for the hot path: a record is a row of words, its attributes are a range of rows, and no object is made
 * of either. Records are grouped by equal resource and scope, first seen first.
 *
 * Text that nobody looks at stays where it is in one `source`, the piece of a body that the records were read from; it must be valid
 * UTF-8. 64-bit integers, doubles and ids are int32 words, high word first, as in `otlp/model.ts`.
 * @see opentelemetry/proto/logs/v1/logs.proto (v1.9.0)
 */

import { type AnyValue, type Key, ValueType } from './model.ts'
import { PlaceTable } from './place-table.ts'

/** Kinds of values in {@link AttributeColumns} beside those of {@link ValueType}. */
export const ColumnType = {
  /** `a`: place in `refs` of the content of whole KeyValue fields, tags included: several attributes at once. The key says nothing. */
  Prepared: 16,
} as const

/** The words of a record, by their place in its row. */
export const LogWord = {
  TimeHi: 0,
  TimeLo: 1,
  ObservedHi: 2,
  ObservedLo: 3,
  Severity: 4,
  /** Text of the source, start and end; empty: none. */
  SeverityTextStart: 5,
  SeverityTextEnd: 6,
  /** One of {@link ValueType}, and its `a` and `b`; where it has a `ref`, `a` is a place in `refs` of the attributes. */
  BodyType: 7,
  BodyA: 8,
  BodyB: 9,
  Trace0: 10,
  Trace1: 11,
  Trace2: 12,
  Trace3: 13,
  Span0: 14,
  Span1: 15,
  Flags: 16,
  /** Text of the source; empty: none. */
  EventNameStart: 17,
  EventNameEnd: 18,
  /** Rows of its attributes. */
  From: 19,
  To: 20,
  /** The record before it in the same scope; −1: none. */
  Previous: 21,
} as const

/** Words of a row of {@link LogRecords.words}. */
export const logWords = 22

const noRefs: AnyValue['ref'][] = []

/** Attributes, one a row. */
export class AttributeColumns {
  used = 0
  keys: (Key | undefined)[] = []
  /** One of {@link ValueType} or {@link ColumnType}. Text: `a` and `b` are start and end in the source. Where a value has a `ref`: `a` is its place in `refs`. */
  types: Uint8Array
  a: Int32Array
  b: Int32Array
  refs: AnyValue['ref'][] = noRefs

  constructor(rows: number) {
    this.types = new Uint8Array(rows)
    this.a = new Int32Array(rows)
    this.b = new Int32Array(rows)
  }

  push(key: Key | undefined, type: number, a: number, b: number): void {
    const row = this.used
    if (row === this.types.length) this.grow()
    this.used = row + 1
    this.keys[row] = key
    this.types[row] = type
    this.a[row] = a
    this.b[row] = b
  }

  /** Keeps something that is no text of the source. Returns its place. */
  ref(value: AnyValue['ref']): number {
    if (this.refs === noRefs) this.refs = []
    return this.refs.push(value) - 1
  }

  private grow(): void {
    const rows = this.types.length * 2
    const { types, a, b } = this
    this.types = new Uint8Array(rows)
    this.types.set(types)
    this.a = new Int32Array(rows)
    this.a.set(a)
    this.b = new Int32Array(rows)
    this.b.set(b)
  }

  clear(): void {
    this.used = 0
    this.refs = noRefs
  }

  /** Gives memory back that one large request took. */
  shrink(rows: number): void {
    if (this.types.length <= rows) return
    this.keys = []
    this.types = new Uint8Array(rows)
    this.a = new Int32Array(rows)
    this.b = new Int32Array(rows)
  }
}

/** A resource or scope that records share. */
interface LogScope {
  /** Text of the source; empty: none. */
  nameStart: number
  nameEnd: number
  /** Its records, from the last one. */
  last: number
}

export interface LogResource {
  hash: number
  /** Rows of its attributes in `resourceAttributes`. */
  from: number
  to: number
  /** Of which `scopeCount` are in use. */
  readonly scopes: LogScope[]
  scopeCount: number
  /** How many records it has. */
  records: number
}

const firstRows = 4096
const firstRecords = 512
/** Slots of the tables of resources and scopes for a start. */
const firstSlots = 2048
/** Scopes of a resource that are looked through one by one, before a table of all of them is. */
const nearScopes = 8
/** A request of more rows than this is an exception; its memory is not kept. */
const keptRows = 256 * 1024
const keptRecords = 16 * 1024
/** Scopes of a resource that are used again for another one. */
const keptScopes = 4

/** The records of one `ExportLogsServiceRequest`. Filled from front to back, encoded by `otlp/encode/logs.ts`, then used again. */
export class LogRecords {
  source: Uint8Array = new Uint8Array(0)
  view: DataView = new DataView(this.source.buffer)
  count = 0
  words: Int32Array = new Int32Array(firstRecords * logWords)
  readonly attributes = new AttributeColumns(firstRows)
  readonly resourceAttributes = new AttributeColumns(firstRows)
  readonly resources: LogResource[] = []
  private readonly table = new PlaceTable(firstSlots)
  /** Scopes of resources that have many. */
  private readonly scopeTable = new PlaceTable(firstSlots)
  private tabled: { readonly resource: LogResource; readonly scope: LogScope }[] = []
  private spare: LogResource[] = []

  /** Begins a request of text in `source`. */
  open(source: Uint8Array): void {
    this.clear()
    this.source = source
    this.view = new DataView(source.buffer, source.byteOffset, source.byteLength)
  }

  /** Forgets all records. */
  clear(): void {
    this.table.clear()
    this.scopeTable.clear()
    if (this.tabled.length > 0) this.tabled = []
    this.count = 0
    this.attributes.clear()
    this.resourceAttributes.clear()
    this.attributes.shrink(keptRows)
    this.resourceAttributes.shrink(keptRows)
    if (this.words.length > keptRecords * logWords) this.words = new Int32Array(firstRecords * logWords)
    if (this.spare.length === 0) this.spare = this.resources.splice(0)
    else this.resources.length = 0
    this.source = noBytes
    this.view = noView
  }

  /** Begins a record and returns where its row begins in `words`; every word is 0, but `From` and `Previous`. Attributes pushed from now on are its own. */
  begin(): number {
    const at = this.count * logWords
    if (at === this.words.length) {
      const { words } = this
      this.words = new Int32Array(words.length * 2)
      this.words.set(words)
    }
    const { words } = this
    // A loop: `fill` is a call out of compiled code.
    for (let i = at, end = at + logWords; i < end; i++) words[i] = 0
    words[at + LogWord.From] = this.attributes.used
    words[at + LogWord.Previous] = -1
    return at
  }

  /**
   * Ends the record that was begun: it belongs to a resource of {@link resource} and to the scope whose name is the given text of the source.
   * A record that is begun and not ended is forgotten; its attributes have to be by whoever pushed them.
   */
  end(resource: LogResource, nameStart: number, nameEnd: number): void {
    const row = this.count++
    resource.records++
    const at = row * logWords
    this.words[at + LogWord.To] = this.attributes.used
    const scope = this.findScope(resource, nameStart, nameEnd)
    if (scope === undefined) {
      this.addScope(resource, nameStart, nameEnd, row)
      return
    }
    this.words[at + LogWord.Previous] = scope.last
    scope.last = row
  }

  private findScope(resource: LogResource, nameStart: number, nameEnd: number): LogScope | undefined {
    const { scopes, scopeCount } = resource
    for (let i = scopeCount - 1; i >= 0 && i >= scopeCount - nearScopes; i--) {
      const scope = scopes[i] as LogScope
      if (this.sameText(scope.nameStart, scope.nameEnd, nameStart, nameEnd)) return scope
    }
    if (scopeCount <= nearScopes) return undefined
    const { scopeTable, tabled } = this
    scopeTable.seek(this.hashText(resource.hash, nameStart, nameEnd))
    for (let place = scopeTable.next(); place >= 0; place = scopeTable.next()) {
      const { resource: own, scope } = tabled[place] as (typeof tabled)[number]
      if (own === resource && this.sameText(scope.nameStart, scope.nameEnd, nameStart, nameEnd)) return scope
    }
    return undefined
  }

  private addScope(resource: LogResource, nameStart: number, nameEnd: number, last: number): void {
    const { scopes, scopeCount } = resource
    resource.scopeCount = scopeCount + 1
    let scope = scopes[scopeCount]
    if (scope === undefined) scopes.push((scope = { nameStart, nameEnd, last }))
    else {
      scope.nameStart = nameStart
      scope.nameEnd = nameEnd
      scope.last = last
    }
    if (scopeCount > nearScopes) this.tableScope(resource, scope)
    else if (scopeCount === nearScopes) for (const one of scopes.slice(0, scopeCount + 1)) this.tableScope(resource, one)
  }

  private tableScope(resource: LogResource, scope: LogScope): void {
    this.scopeTable.add(this.hashText(resource.hash, scope.nameStart, scope.nameEnd), this.tabled.length)
    this.tabled.push({ resource, scope })
  }

  /**
   * The resource with the attributes that were pushed to `resourceAttributes` from row `from` on: one that is there already, whose rows are then
   * given back, or a new one. @param most resources; where that many others are there undefined is returned, and the rows stay where they are
   */
  resource(from: number, most: number): LogResource | undefined {
    const hash = this.hashOf(from)
    const { table } = this
    table.seek(hash)
    for (let place = table.next(); place >= 0; place = table.next()) {
      const found = this.resources[place] as LogResource
      if (this.equal(found, from)) {
        this.resourceAttributes.used = from
        return found
      }
    }
    if (this.resources.length >= most) return undefined
    return this.add(hash, from)
  }

  private add(hash: number, from: number): LogResource {
    const reused = this.spare.pop()
    const resource: LogResource = reused ?? { hash, from, to: 0, scopes: [], scopeCount: 0, records: 0 }
    resource.hash = hash
    resource.from = from
    resource.to = this.resourceAttributes.used
    resource.scopeCount = 0
    if (resource.scopes.length > keptScopes) resource.scopes.length = keptScopes
    resource.records = 0
    this.table.add(hash, this.resources.length)
    this.resources.push(resource)
    return resource
  }

  /** Of the rows from `from` to the end, in whatever order: Beats write the members of an object in another order in each event. */
  private hashOf(from: number): number {
    const { keys, used } = this.resourceAttributes
    let hash = used - from
    for (let row = from; row < used; row++) {
      const { words, fieldBytes } = keys[row] as Key
      const own = Math.imul(
        (words[words.length - 1] as number) ^ (fieldBytes << 24) ^ Math.imul(words[0] as number, 0x85ebca6b),
        0x9e3779b1,
      )
      const whole = this.hashRow(own, row)
      hash = (hash + (whole ^ (whole >>> 15))) | 0
    }
    return hash ^ (hash >>> 15)
  }

  private hashRow(seed: number, row: number): number {
    const { types, a, b, refs } = this.resourceAttributes
    const type = types[row] as number
    const one = a[row] as number
    if (type === ValueType.Text) return this.hashText(seed, one, b[row] as number)
    if (type === ValueType.Array) return this.hashValues(seed, refs[one] as readonly AnyValue[])
    if (type === ValueType.String) return hashString(seed, refs[one] as string)
    return type < ValueType.Bytes ? Math.imul(Math.imul(seed ^ (b[row] as number), 0xc2b2ae35) ^ one, 0x9e3779b1) : seed
  }

  private hashValues(seed: number, values: readonly AnyValue[]): number {
    let hash = seed ^ values.length
    for (let i = 0; i < values.length; i++) {
      const { type, a, b, ref } = values[i] as AnyValue
      if (type !== ValueType.Text) hash = Math.imul(Math.imul(hash ^ type ^ b, 0xc2b2ae35) ^ a, 0x9e3779b1)
      // Texts are of the source, but for those that the translator made.
      else hash = ref === this.source ? this.hashText(hash, a, b) : Math.imul(hash ^ (b - a), 0x9e3779b1)
    }
    return hash
  }

  private hashText(seed: number, start: number, end: number): number {
    const { view, source } = this
    let hash = seed ^ (end - start)
    let at = start
    for (const last = end - 4; at <= last; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(at, true), 0x9e3779b1)
      hash ^= hash >>> 15
    }
    for (; at < end; at++) hash = Math.imul(hash ^ (source[at] as number), 0x85ebca6b)
    return hash ^ (hash >>> 13)
  }

  /** Keys of a resource differ from each other, so that as many rows of which each is found are the same ones. */
  private equal({ from: first, to }: LogResource, from: number): boolean {
    const { keys, used } = this.resourceAttributes
    if (to - first !== used - from) return false
    // Behind the last match first: parts of the list keep their order. What is in disorder throughout is taken as another one.
    let left = first
    let steps = mostSteps * (to - first)
    for (let right = from; right < used; right++) {
      const key = keys[right] as Key
      const begin = left
      while (!isSameKey(keys[left] as Key, key)) {
        left = left + 1 === to ? first : left + 1
        if (left === begin || --steps < 0) return false
      }
      if (!this.equalRows(left, right)) return false
      left = left + 1 === to ? first : left + 1
    }
    return true
  }

  private equalRows(left: number, right: number): boolean {
    const { types, a, b, refs } = this.resourceAttributes
    if (types[left] !== types[right]) return false
    const one = a[left] as number
    const second = a[right] as number
    switch (types[left]) {
      case ValueType.Text:
        return this.sameText(one, b[left] as number, second, b[right] as number)
      case ValueType.Array:
      case ValueType.KvList:
        return sameValues(refs[one] as readonly AnyValue[], refs[second] as readonly AnyValue[])
      case ValueType.String:
        return refs[one] === refs[second]
      case ValueType.Bytes:
        return sameBytes(refs[one] as Uint8Array, refs[second] as Uint8Array)
      default:
        return one === second && b[left] === b[right]
    }
  }

  /** True when two texts of the source are the same. */
  sameText(start: number, end: number, start2: number, end2: number): boolean {
    if (end - start !== end2 - start2) return false
    const { view, source } = this
    let at = start
    let other = start2
    for (const last = end - 4; at <= last; at += 4, other += 4) if (view.getInt32(at, true) !== view.getInt32(other, true)) return false
    for (; at < end; at++, other++) if (source[at] !== source[other]) return false
    return true
  }
}

/** Rows of a resource that are passed over in search of one name, in the mean. */
const mostSteps = 32

const isSameKey = (key: Key, other: Key): boolean => key === other || (!(key.interned && other.interned) && key.text === other.text)

/** Lists of plain values: what resources have (`host.ip`). Anything nested is taken as different, which costs a group and nothing else. */
function sameValues(one: readonly AnyValue[], other: readonly AnyValue[]): boolean {
  if (one.length !== other.length) return false
  for (let i = 0; i < one.length; i++) {
    const value = one[i] as AnyValue
    const second = other[i] as AnyValue
    if (value.type !== second.type) return false
    if (value.type === ValueType.Text) {
      const source = value.ref as Uint8Array
      const from = second.ref as Uint8Array
      const length = value.b - value.a
      if (length !== second.b - second.a) return false
      for (let at = 0; at < length; at++) if (source[value.a + at] !== from[second.a + at]) return false
    } else if (
      value.type === ValueType.String ? value.ref !== second.ref : value.ref !== null || value.a !== second.a || value.b !== second.b
    ) {
      return false
    }
  }
  return true
}

function hashString(seed: number, text: string): number {
  let hash = seed ^ text.length
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x9e3779b1)
  return hash ^ (hash >>> 13)
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false
  return true
}

const noBytes = new Uint8Array(0)
const noView = new DataView(noBytes.buffer)
