/** Resources of spans: equal lists of attributes are one, found by a hash and compared. */

import { createSpanGroups, type SpanGroups } from '../../otlp/batch.ts'
import { sameKey } from '../../otlp/keys.ts'
import { type AnyValue, type KeyValue, ValueType } from '../../otlp/model.ts'

interface Group {
  readonly attributes: readonly KeyValue[]
  readonly spans: SpanGroups
}

/** The resources of one request, first seen first. */
export interface ResourceGroups {
  readonly all: readonly SpanGroups[]
  /** The group of a list; undefined when it is another than those there are and `most` are. Order counts: equal documents come in equal order. */
  find(attributes: readonly KeyValue[], most: number): SpanGroups | undefined
  clear(): void
}

/** Resources of one hash that are compared: whoever makes more of them on purpose gets groups that are not found again. */
const mostCompared = 32

/** Creates a {@link ResourceGroups}. */
export function createResourceGroups(): ResourceGroups {
  let all: SpanGroups[] = []
  let byHash = new Map<number, Group[]>()
  return {
    get all() {
      return all
    },
    find(attributes, most) {
      const hash = hashOf(attributes)
      const same = byHash.get(hash)
      const found = same?.find((group) => equalLists(group.attributes, attributes))
      if (found !== undefined) return found.spans
      if (all.length >= most) return undefined
      const spans = createSpanGroups(attributes)
      all.push(spans)
      if (same === undefined) byHash.set(hash, [{ attributes, spans }])
      else if (same.length < mostCompared) same.push({ attributes, spans })
      return spans
    },
    clear() {
      all = []
      byHash = new Map()
    },
  }
}

function hashOf(list: readonly KeyValue[]): number {
  let hash = list.length
  for (const one of list) {
    const { words, fieldBytes } = one.key
    hash = Math.imul(hash ^ (words[words.length - 1] as number) ^ (fieldBytes << 16), 0x9e3779b1)
    hash = hashValue(hash ^ (hash >>> 15), one)
  }
  return hash ^ (hash >>> 13)
}

function hashValue(seed: number, { type, a, b, ref }: AnyValue): number {
  let hash = seed
  switch (type) {
    case ValueType.Text:
      for (let at = a; at < b; at++) hash = Math.imul(hash ^ ((ref as Uint8Array)[at] as number), 0x85ebca6b)
      return hash
    case ValueType.String:
      for (let at = 0; at < (ref as string).length; at++) hash = Math.imul(hash ^ (ref as string).charCodeAt(at), 0x85ebca6b)
      return hash
    case ValueType.Array:
      for (const value of ref as readonly AnyValue[]) hash = hashValue(Math.imul(hash, 0x9e3779b1), value)
      return hash
    case ValueType.KvList:
    case ValueType.Bytes:
      return hash
    default:
      return Math.imul(Math.imul(hash ^ b, 0xc2b2ae35) ^ a, 0x9e3779b1)
  }
}

function equalLists(one: readonly KeyValue[], other: readonly KeyValue[]): boolean {
  if (one.length !== other.length) return false
  for (let i = 0; i < one.length; i++) {
    const left = one[i] as KeyValue
    const right = other[i] as KeyValue
    if (!sameKey(left.key, right.key) || !equalValues(left, right)) return false
  }
  return true
}

/** Objects within lists are taken as different, which costs a group and nothing else. */
function equalValues(left: AnyValue, right: AnyValue): boolean {
  if (left.type !== right.type) return false
  switch (left.type) {
    case ValueType.String:
      return left.ref === right.ref
    case ValueType.Text: {
      const length = left.b - left.a
      if (right.b - right.a !== length) return false
      const source = left.ref as Uint8Array
      const other = right.ref as Uint8Array
      for (let i = 0; i < length; i++) if (source[left.a + i] !== other[right.a + i]) return false
      return true
    }
    case ValueType.Array: {
      const list = left.ref as readonly AnyValue[]
      const other = right.ref as readonly AnyValue[]
      return list.length === other.length && list.every((value, i) => equalValues(value, other[i] as AnyValue))
    }
    case ValueType.KvList:
    case ValueType.Bytes:
      return false
    default:
      return left.a === right.a && left.b === right.b
  }
}
