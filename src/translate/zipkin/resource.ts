/** Resource attributes out of the local service and tags (rules Z-E1, Z-E2, Z-G5 to Z-G7, Z-G12), and grouping by them. */

import { keyValue, lastWins, rekeyed, textOf, valueToString } from '../../otlp/attributes.ts'
import { createSpanGroups, type SpanGroups } from '../../otlp/batch.ts'
import { createKey } from '../../otlp/keys.ts'
import { type Key, type KeyValue, type Text, ValueType } from '../../otlp/model.ts'
import {
  hostName,
  serviceName as serviceNameKey,
  telemetrySdkLanguage,
  telemetrySdkName,
  telemetrySdkVersion,
  unknownService,
} from '../../otlp/semconv.ts'
import { jaegerVersionKey } from './keys.ts'

/** Tags of one span that describe its process. */
export interface ResourceTags {
  /** Those on the list of Z-G6. */
  readonly lifted: readonly KeyValue[]
  /** The attribute that the service's name belongs under, where it is not `service.name`. */
  readonly nameSource: KeyValue | undefined
  readonly jaegerHostname: KeyValue | undefined
  /** `jaeger.version`, or `jaegerClient` of older clients: `Go-2.30.0`. */
  readonly jaegerVersion: KeyValue | undefined
}

/** Prefix of `jaeger.version` before the first `-` → telemetry.sdk.language. The same rule as for Jaeger's own spans (J-P6). */
const languages = new Map<string, string>([
  ['Go', 'go'],
  ['Java', 'java'],
  ['Node', 'nodejs'],
  ['Python', 'python'],
  ['C++', 'cpp'],
  ['CSharp', 'dotnet'],
  ['PHP', 'php'],
  ['Ruby', 'ruby'],
])

const sdkKeys = new Set(['telemetry.sdk.name', 'telemetry.sdk.language', 'telemetry.sdk.version'])

function stringValue(key: Key, text: string): KeyValue {
  return keyValue(key, ValueType.String, 0, 0, text)
}

function nameAttribute(service: Key, source: KeyValue | undefined): KeyValue {
  const text = service.text === '' ? unknownService : service.text
  const key = source === undefined ? '' : valueToString(source)
  return stringValue(key === '' ? serviceNameKey : createKey(key), text)
}

/** Resource attributes; the service's name comes first. */
function resourceOf(service: Key, tags: ResourceTags | undefined): KeyValue[] {
  const attributes = [nameAttribute(service, tags?.nameSource)]
  if (tags === undefined) return attributes
  let hasHost = false
  let hasSdk = false
  for (const tag of tags.lifted) {
    attributes.push(tag)
    if (tag.key.text === hostName.text) hasHost = true
    if (sdkKeys.has(tag.key.text)) hasSdk = true
  }
  const { jaegerHostname, jaegerVersion } = tags
  if (jaegerHostname !== undefined) attributes.push(hasHost ? jaegerHostname : rekeyed(hostName, jaegerHostname))
  if (jaegerVersion !== undefined) {
    attributes.push(rekeyed(jaegerVersionKey, jaegerVersion))
    if (!hasSdk) pushSdk(attributes, valueToString(jaegerVersion))
  }
  return [...lastWins(attributes)]
}

function pushSdk(attributes: KeyValue[], version: string): void {
  const dash = version.indexOf('-')
  const language = dash > 0 ? languages.get(version.slice(0, dash)) : undefined
  attributes.push(stringValue(telemetrySdkName, 'jaeger'))
  if (language !== undefined) attributes.push(stringValue(telemetrySdkLanguage, language))
  attributes.push(stringValue(telemetrySdkVersion, language === undefined ? version : version.slice(dash + 1)))
}

/** The resources of one request, first seen first. */
export interface Resources {
  readonly all: readonly SpanGroups[]
  /** The groups of a resource; equal resources share them, whatever the order of their tags. */
  find(service: Key, tags: ResourceTags | undefined): SpanGroups
}

export function createResources(): Resources {
  const all: SpanGroups[] = []
  const byService = new Map<string, SpanGroups>()
  let byContent: Map<string, SpanGroups> | undefined
  let lastService: Key | undefined
  let lastGroups: SpanGroups | undefined
  let lastTags: ResourceTags | undefined
  let lastTagged: SpanGroups | undefined
  let lastTaggedService: Key | undefined

  const add = (service: Key, tags: ResourceTags | undefined): SpanGroups => {
    const groups = createSpanGroups(resourceOf(service, tags))
    all.push(groups)
    return groups
  }

  const plain = (service: Key): SpanGroups => {
    if (service === lastService && lastGroups !== undefined) return lastGroups
    // A span without a name and one whose name is `unknown_service` have one resource.
    const name = service.text === '' ? unknownService : service.text
    let groups = byService.get(name)
    if (groups === undefined) {
      groups = add(service, undefined)
      byService.set(name, groups)
    }
    lastService = service
    lastGroups = groups
    return groups
  }

  const tagged = (service: Key, tags: ResourceTags): SpanGroups => {
    if (lastTagged !== undefined && lastTags !== undefined && service === lastTaggedService && sameTags(tags, lastTags)) return lastTagged
    const parts = resourceOf(service, tags).map(contentOf)
    const content = parts.sort().join('\u0001')
    byContent ??= new Map()
    let groups = byContent.get(content)
    if (groups === undefined) {
      groups = add(service, tags)
      byContent.set(content, groups)
    }
    lastTaggedService = service
    lastTags = tags
    lastTagged = groups
    return groups
  }

  return { all, find: (service, tags) => (tags === undefined ? plain(service) : tagged(service, tags)) }
}

const contentOf = (one: KeyValue): string => `${one.key.text}\u0000${one.type}\u0000${valueToString(one)}`

function sameTags(left: ResourceTags, right: ResourceTags): boolean {
  const { lifted } = left
  if (lifted.length !== right.lifted.length) return false
  for (let i = 0; i < lifted.length; i++) if (!sameTag(lifted[i], right.lifted[i])) return false
  return (
    sameTag(left.nameSource, right.nameSource) &&
    sameTag(left.jaegerHostname, right.jaegerHostname) &&
    sameTag(left.jaegerVersion, right.jaegerVersion)
  )
}

function sameTag(left: KeyValue | undefined, right: KeyValue | undefined): boolean {
  if (left === undefined || right === undefined) return left === right
  if (left.key !== right.key || left.type !== right.type) return false
  if (left.type !== ValueType.Text) return left.a === right.a && left.b === right.b && left.ref === right.ref
  const length = left.b - left.a
  if (length !== right.b - right.a) return false
  const one = left.ref as Uint8Array
  const other = right.ref as Uint8Array
  for (let i = 0; i < length; i++) if (one[left.a + i] !== other[right.a + i]) return false
  return true
}

/** The text of a scope's tag; '' when it is absent. */
export function scopeText(tag: KeyValue | undefined): Text {
  return tag === undefined ? '' : (textOf(tag) ?? valueToString(tag))
}
