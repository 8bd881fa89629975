/**
 * Values that are changed on their way: `Transform` of rules.ts, section 5.9 of the mapping. They look at the bytes of the document and make
 * strings only of what is changed. For fields of which a document has one or two.
 */

import { keyValue, sliceToString } from '../../otlp/attributes.ts'
import { digitsToWords } from '../../otlp/json/decimal.ts'
import { createKey } from '../../otlp/keys.ts'
import { type AnyValue, type KeyValue, ValueType } from '../../otlp/model.ts'
import type { Words } from '../../otlp/time.ts'
import type { Leaves } from './model.ts'
import { type FieldRule, Transform } from './rules.ts'

/** A field whose rule has a transform. */
export interface FieldValue {
  readonly rule: FieldRule
  readonly leaves: Leaves
  readonly row: number
  /** What text in the leaves is of. */
  readonly source: Uint8Array
}

/** An attribute that comes of a field. */
export interface NewAttribute {
  readonly name: string
  readonly value: AnyValue
  /** It is one of the resource. */
  readonly resource: boolean
}

const bareKey = createKey('')
const words: Words = { hi: 0, lo: 0 }

const value = (type: number, a: number, b: number, ref: AnyValue['ref']): KeyValue => keyValue(bareKey, type, a, b, ref)
const text = (string: string): AnyValue => value(ValueType.String, 0, 0, string)

/**
 * What becomes of a field: attributes in its place, the first of which is the field under the name of its rule; 'own' when it keeps its path;
 * undefined when it stays what it is under the name of its rule. Attributes that a document can state on its own (`network.protocol.name`) are
 * left out where it does.
 */
export function transformed({ rule, leaves, row, source }: FieldValue): readonly NewAttribute[] | 'own' | undefined {
  const { name, resource } = rule
  if (rule.transform === Transform.KubernetesCluster) return isOfKubernetes(leaves, source) ? undefined : 'own'
  let type = leaves.types[row] as number
  let a = leaves.a[row] as number
  let b = leaves.b[row] as number
  if (type === ValueType.Int || type === ValueType.Double) {
    if (rule.transform !== Transform.Stringify) return undefined
    return [{ name, resource, value: value(ValueType.Text, leaves.starts[row] as number, leaves.ends[row] as number, source) }]
  }
  if (type === ValueType.Array && rule.scalar) {
    const list = leaves.lists[a] as readonly AnyValue[]
    const only = list[0]
    if (list.length !== 1 || only === undefined) return undefined
    type = only.type
    a = only.a
    b = only.b
  }
  if (type !== ValueType.Text) return undefined
  const slice = (start: number, end: number): NewAttribute => ({ name, resource, value: value(ValueType.Text, start, end, source) })
  switch (rule.transform) {
    case Transform.HttpMethod: {
      const method = httpMethod(source, a, b)
      if (method === undefined) return undefined
      const original = { name: methodOriginal, resource, value: value(ValueType.Text, a, b, source) }
      return hasPath(leaves, methodOriginal) ? undefined : [{ name, resource, value: text(method) }, original]
    }
    case Transform.OsType: {
      const system = osType(source, a, b)
      return system === undefined ? undefined : [{ name, resource, value: text(system) }]
    }
    case Transform.ContainerImage: {
      const colon = imageTagAt(source, a, b)
      if (colon < 0 || tagFields.some((path) => hasPath(leaves, path))) return undefined
      const tag = value(ValueType.Text, colon + 1, b, source)
      return [slice(a, colon), { name: imageTags, resource, value: value(ValueType.Array, 0, 0, [tag]) }]
    }
    case Transform.HttpVersion: {
      const version = rule.also === undefined || protocolVersions.some((path) => hasPath(leaves, path)) ? undefined : rule.also
      const protocol = protocolNames.some((path) => hasPath(leaves, path)) ? undefined : protocolName
      return [
        slice(a, b),
        ...(version === undefined ? [] : [{ name: version, resource, value: value(ValueType.Text, a, b, source) }]),
        ...(protocol === undefined ? [] : [{ name: protocol, resource, value: text('http') }]),
      ]
    }
    case Transform.LeadingSlash: {
      const start = afterSlash(source, a, b)
      return start === a ? undefined : [slice(start, b)]
    }
    case Transform.TrailingNewline: {
      const end = beforeNewline(source, a, b)
      return end === b ? undefined : [slice(a, end)]
    }
    case Transform.Integer:
      return integerOf(source, a, b, words) ? [{ name, resource, value: value(ValueType.Int, words.hi, words.lo, null) }] : undefined
    default:
      return undefined
  }
}

const methodOriginal = 'http.request.method_original'
const imageTags = 'container.image.tags'
const protocolName = 'network.protocol.name'
/** Fields that say the same: ECS names beside those of the semantic conventions. */
const tagFields = [imageTags, 'container.image.tag']
const protocolNames = [protocolName, 'network.protocol']
const protocolVersions = ['network.protocol.version']

/** Whether the document has a field. For what is asked seldom. */
function hasPath(leaves: Leaves, path: string): boolean {
  return rowOf(leaves, path) >= 0
}

/** The row of a path, −1 without one. For what is asked seldom. */
export function rowOf({ fields, count }: Leaves, path: string): number {
  for (let i = 0; i < count; i++) if ((fields[i] as { readonly path: string }).path === path) return i
  return -1
}

const kubernetes = 'kubernetes'

/** Whether the orchestrator is Kubernetes, or none is named. */
function isOfKubernetes(leaves: Leaves, source: Uint8Array): boolean {
  const row = rowOf(leaves, 'orchestrator.type')
  if (row < 0) return true
  return leaves.types[row] === ValueType.Text && isWord(source, leaves.a[row] as number, leaves.b[row] as number, kubernetes)
}

/** Whether bytes are an ASCII word of small letters, in whatever case. */
function isWord(source: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false
  for (let i = 0; i < word.length; i++) if (((source[start + i] as number) | 0x20) !== word.charCodeAt(i)) return false
  return true
}

/** Methods that OpenTelemetry knows unless told otherwise: RFC 9110, RFC 5789, and QUERY. */
const methods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'CONNECT', 'TRACE', 'QUERY'])
const longestMethod = 7

/** What a method is called by the semantic conventions: a known one in upper case, else `_OTHER`. Undefined when that is what stands there. */
export function httpMethod(source: Uint8Array, start: number, end: number): string | undefined {
  if (end - start > longestMethod) return '_OTHER'
  const word = sliceToString(source, start, end)
  if (methods.has(word) || word === '_OTHER') return undefined
  const upper = word.toUpperCase()
  return methods.has(upper) ? upper : '_OTHER'
}

/** Names of systems are short; what is longer is left alone. */
const longestSystem = 64

/** The type of an operating system by the semantic conventions: `macos` is `darwin`, others in lower case. Undefined when that is what stands there. */
export function osType(source: Uint8Array, start: number, end: number): string | undefined {
  if (end - start > longestSystem) return undefined
  const word = sliceToString(source, start, end)
  const lower = word.toLowerCase()
  const system = lower === 'macos' ? 'darwin' : lower
  return system === word ? undefined : system
}

const Colon = 0x3a
const Slash = 0x2f
const At = 0x40

/** Where the colon before the tag of an image is: the last one behind the last slash. −1 without a tag, and for images with a digest. */
export function imageTagAt(source: Uint8Array, start: number, end: number): number {
  let colon = -1
  for (let at = end - 1; at >= start; at--) {
    const byte = source[at]
    if (byte === At) return -1
    if (byte === Slash) break
    if (byte === Colon && colon < 0) colon = at
  }
  return colon > start && colon < end - 1 ? colon : -1
}

/** Where text begins behind one slash; where it does, when there is none. */
export function afterSlash(source: Uint8Array, start: number, end: number): number {
  return start < end && source[start] === Slash ? start + 1 : start
}

/** Where text ends before one line feed; where it does, when there is none. */
export function beforeNewline(source: Uint8Array, start: number, end: number): number {
  return start < end && source[end - 1] === 0x0a ? end - 1 : end
}

/** Words of an int64 of digits, with or without a minus. False for everything else, a number with zeros before it too; `out` is then unspecified. */
export function integerOf(source: Uint8Array, start: number, end: number, out: Words): boolean {
  const negative = source[start] === 0x2d
  const first = negative ? start + 1 : start
  if (source[first] === 0x30 && (end - first > 1 || negative)) return false
  if (!digitsToWords(source, first, end, out)) return false
  if (!negative) return out.hi >= 0
  if (out.hi < 0 && (out.hi !== -0x80000000 || out.lo !== 0)) return false
  out.lo = -out.lo | 0
  out.hi = (~out.hi + (out.lo === 0 ? 1 : 0)) | 0
  return true
}
