/** Tags of one span: which stay attributes and which have a field of their own in OTLP. */

import { lastWins, textOf, toUint32, valueToString } from '../../otlp/attributes.ts'
import { type KeyValue, type Link, noLinks, SpanKind, type Text } from '../../otlp/model.ts'
import { spanKindOf } from '../../otlp/words.ts'
import type { ZipkinTranslateConfig } from './config.ts'
import { mayRepeat, Role } from './keys.ts'
import { linksOf } from './links.ts'
import type { ResourceTags } from './resource.ts'
import { scopeText } from './resource.ts'
import { hasStatusTags, type Status, type StatusTags, statusOf } from './status.ts'
import { typedTag } from './tag-types.ts'

/** What the tags of a span with special ones among them say. */
export interface TagFindings extends StatusTags {
  /** Mask of the keys in `targetKeys` that tags have. */
  taken: number
  kind: number
  /** A tag `span.kind` stays an attribute. */
  keepsSpanKind: boolean
  status: Status | undefined
  traceState: Text
  droppedAttributes: number
  droppedEvents: number
  droppedLinks: number
  links: readonly Link[]
  resource: ResourceTags | undefined
  scopeName: Text
  scopeVersion: Text
}

/** Tags while they are gathered. */
interface Gathered extends TagFindings {
  spanKind: KeyValue | undefined
  linkTags: KeyValue[] | undefined
  lifted: KeyValue[]
  nameSource: KeyValue | undefined
  jaegerHostname: KeyValue | undefined
  jaegerVersion: KeyValue | undefined
  jaegerClient: KeyValue | undefined
  scopeNameTag: KeyValue | undefined
  scopeVersionTag: KeyValue | undefined
  libraryName: KeyValue | undefined
  libraryVersion: KeyValue | undefined
}

function createGathered(): Gathered {
  return {
    error: undefined,
    code: undefined,
    description: undefined,
    censusCode: undefined,
    censusDescription: undefined,
    opencensusDescription: undefined,
    taken: 0,
    kind: SpanKind.Unspecified,
    keepsSpanKind: false,
    status: undefined,
    traceState: '',
    droppedAttributes: 0,
    droppedEvents: 0,
    droppedLinks: 0,
    links: noLinks,
    resource: undefined,
    scopeName: '',
    scopeVersion: '',
    spanKind: undefined,
    linkTags: undefined,
    lifted: [],
    nameSource: undefined,
    jaegerHostname: undefined,
    jaegerVersion: undefined,
    jaegerClient: undefined,
    scopeNameTag: undefined,
    scopeVersionTag: undefined,
    libraryName: undefined,
    libraryVersion: undefined,
  }
}

/**
 * Appends the tags that stay attributes; undefined when all of them do and none is special. Of a key that stands twice
 * the last value counts. @param kind of the span's own field, Unspecified when it has none
 */
export function readTags(
  all: readonly KeyValue[],
  kind: number,
  config: ZipkinTranslateConfig,
  attributes: KeyValue[],
): TagFindings | undefined {
  const tags = mayRepeat(all) ? lastWins(all) : all
  const { types } = config.tags
  let found: Gathered | undefined
  for (let i = 0; i < tags.length; i++) {
    const tag = tags[i] as KeyValue
    const role = tag.key.role & 0xff
    if (role === Role.None) attributes.push(types === 'string' ? tag : typedTag(tag, types))
    else {
      found ??= createGathered()
      if (!gather(tag, role, found, config)) attributes.push(typedTag(tag, types))
    }
  }
  if (found !== undefined) settle(found, kind, attributes)
  return found
}

/** Takes a tag with a role; false when it stays an attribute. */
function gather(tag: KeyValue, role: number, found: Gathered, config: ZipkinTranslateConfig): boolean {
  switch (role) {
    case Role.Error:
      found.error = tag
      return true
    case Role.SpanKind:
      found.spanKind = tag
      return true
    case Role.StatusCode:
      found.code = tag
      return true
    case Role.StatusDescription:
      found.description = tag
      return true
    case Role.CensusStatusCode:
      found.censusCode = tag
      return true
    case Role.CensusStatusDescription:
      found.censusDescription = tag
      return true
    case Role.OpencensusStatusDescription:
      found.opencensusDescription = tag
      return true
    case Role.ScopeName:
      found.scopeNameTag = tag
      return true
    case Role.ScopeVersion:
      found.scopeVersionTag = tag
      return true
    case Role.LibraryName:
      found.libraryName = tag
      return true
    case Role.LibraryVersion:
      found.libraryVersion = tag
      return true
    case Role.TraceState: {
      const state = textOf(tag)
      if (state === undefined) return false
      found.traceState = state
      return true
    }
    case Role.DroppedAttributes: {
      const count = toUint32(tag)
      if (count >= 0) found.droppedAttributes = count
      return count >= 0
    }
    case Role.DroppedEvents: {
      const count = toUint32(tag)
      if (count >= 0) found.droppedEvents = count
      return count >= 0
    }
    case Role.DroppedLinks: {
      const count = toUint32(tag)
      if (count >= 0) found.droppedLinks = count
      return count >= 0
    }
    case Role.Link:
      found.linkTags ??= []
      found.linkTags.push(tag)
      return true
    case Role.Resource:
      if (config.resourceTags === 'keep') return false
      found.lifted.push(typedTag(tag, config.tags.types))
      return true
    case Role.JaegerHostname:
      found.jaegerHostname = tag
      return true
    case Role.JaegerVersion:
      found.jaegerVersion = tag
      return true
    case Role.JaegerClient:
      found.jaegerClient = tag
      return true
    case Role.ServiceNameSource:
      found.nameSource = tag
      return true
    default:
      if (role >= Role.Target) found.taken |= 1 << (role - Role.Target)
      return false
  }
}

/** What can be said only when all tags are known. */
function settle(found: Gathered, kind: number, attributes: KeyValue[]): void {
  if (found.spanKind !== undefined) settleKind(found, found.spanKind, kind, attributes)
  if (hasStatusTags(found)) found.status = statusOf(found, attributes)
  if (found.linkTags !== undefined) found.links = linksOf(found.linkTags, attributes)
  if ((found.scopeNameTag ?? found.scopeVersionTag ?? found.libraryName ?? found.libraryVersion) !== undefined)
    settleScope(found, attributes)
  const { lifted, nameSource, jaegerHostname, jaegerClient } = found
  const jaegerVersion = found.jaegerVersion ?? jaegerClient
  if (
    found.jaegerVersion !== undefined &&
    jaegerClient !== undefined &&
    valueToString(found.jaegerVersion) !== valueToString(jaegerClient)
  ) {
    attributes.push(jaegerClient)
  }
  if (lifted.length > 0 || (nameSource ?? jaegerHostname ?? jaegerVersion) !== undefined) {
    found.resource = { lifted, nameSource, jaegerHostname, jaegerVersion }
  }
}

/** The tag `span.kind`: used where the field says nothing, dropped where both say the same, kept where they differ. */
function settleKind(found: Gathered, tag: KeyValue, kind: number, attributes: KeyValue[]): void {
  const says = spanKindOf(valueToString(tag))
  if (kind === SpanKind.Unspecified) found.kind = says
  if (says === SpanKind.Unspecified || (kind !== SpanKind.Unspecified && says !== kind)) {
    found.keepsSpanKind = true
    attributes.push(tag)
  }
}

/** `otel.library.*` is the old spelling of `otel.scope.*`: used where that is absent, an attribute where it says something else. */
function settleScope(found: Gathered, attributes: KeyValue[]): void {
  const { scopeNameTag, scopeVersionTag, libraryName, libraryVersion } = found
  if (scopeNameTag === undefined && scopeVersionTag === undefined) {
    found.scopeName = scopeText(libraryName)
    found.scopeVersion = scopeText(libraryVersion)
    return
  }
  found.scopeName = scopeText(scopeNameTag)
  found.scopeVersion = scopeText(scopeVersionTag)
  if (libraryName !== undefined && !sameValue(libraryName, scopeNameTag)) attributes.push(libraryName)
  if (libraryVersion !== undefined && !sameValue(libraryVersion, scopeVersionTag)) attributes.push(libraryVersion)
}

function sameValue(left: KeyValue, right: KeyValue | undefined): boolean {
  return right !== undefined && valueToString(left) === valueToString(right)
}
