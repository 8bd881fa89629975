/** Jaeger `Process` → OTLP resource attributes (docs/mapping/jaeger.md, "Process"). */

import { isEmptyText, keyValue, lastWins, rekeyed, sliceToString, textOf, textValue, valueToString } from '../../otlp/attributes.ts'
import { type KeyValue, noAttributes, type Text, ValueType } from '../../otlp/model.ts'
import {
  hostName,
  serviceInstanceId,
  serviceName,
  telemetrySdkLanguage,
  telemetrySdkName,
  telemetrySdkVersion,
  unknownService,
} from '../../otlp/semconv.ts'
import { Role } from './keys.ts'
import type { JaegerProcess } from './model.ts'

/** The Collector writes this where a resource had no service name. */
const noServiceMarker = 'OTLPResourceNoServiceName'

/** Prefix of `jaeger.version` before the first `-` → telemetry.sdk.language. */
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

/**
 * Resource attributes of a process; `service.name` comes first. An absent process, an empty name and the Collector's
 * marker give `unknown_service`, or the tag `service.name` where there is one.
 */
export function processToResource(process: JaegerProcess | undefined): KeyValue[] {
  const attributes: KeyValue[] = []
  const named = process !== undefined && hasName(process.serviceName)
  const tags = lastWins(process?.tags ?? noAttributes)
  let fallbackName: Text = unknownService
  let version = ''
  let hasSdk = false
  let hasHost = false
  let hasInstance = false
  for (const { key } of tags) {
    hasSdk ||= key.role === Role.TelemetrySdk
    hasHost ||= key.role === Role.HostName
    hasInstance ||= key.role === Role.ServiceInstanceId
  }
  attributes.push(textValue(serviceName, process !== undefined && named ? process.serviceName : unknownService))
  for (let i = 0; i < tags.length; i++) {
    const tag = tags[i] as KeyValue
    if (tag.type === ValueType.Empty) continue
    switch (tag.key.role) {
      case Role.ServiceName:
        fallbackName = textOf(tag) ?? valueToString(tag)
        break
      case Role.Hostname:
        attributes.push(hasHost ? tag : rekeyed(hostName, tag))
        break
      case Role.ClientUuid:
        attributes.push(hasInstance ? tag : rekeyed(serviceInstanceId, tag))
        break
      case Role.JaegerVersion:
        version = valueToString(tag)
        attributes.push(tag)
        break
      default:
        attributes.push(tag)
    }
  }
  if (!named && !isEmptyText(fallbackName)) attributes[0] = textValue(serviceName, fallbackName)
  if (version !== '' && !hasSdk) pushSdk(attributes, version)
  return attributes
}

function hasName(name: Text): boolean {
  if (isEmptyText(name)) return false
  if (typeof name === 'string') return name !== noServiceMarker
  return name.end - name.start !== noServiceMarker.length || sliceToString(name.source, name.start, name.end) !== noServiceMarker
}

function pushSdk(attributes: KeyValue[], version: string): void {
  const dash = version.indexOf('-')
  const language = dash > 0 ? languages.get(version.slice(0, dash)) : undefined
  const number = language === undefined ? version : version.slice(dash + 1)
  attributes.push(keyValue(telemetrySdkName, ValueType.String, 0, 0, 'jaeger'))
  if (language !== undefined) attributes.push(keyValue(telemetrySdkLanguage, ValueType.String, 0, 0, language))
  attributes.push(keyValue(telemetrySdkVersion, ValueType.String, 0, 0, number))
}
