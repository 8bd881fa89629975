/**
 * Names that the semantic conventions changed: which of them an endpoint's attributes get (`translate.semconv`).
 * What a tag has named already is not touched (rule Z-E13).
 */

import { rekeyed } from '../../otlp/attributes.ts'
import { createKey } from '../../otlp/keys.ts'
import type { Key, KeyValue } from '../../otlp/model.ts'
import { Target, targetKeys } from './keys.ts'

/** `stable`: today's names; `legacy`: those before semantic conventions 1.21; `both`: each attribute under both. */
export type SemconvNames = 'stable' | 'legacy' | 'both'

const legacyNames: readonly (readonly [target: number, legacy: Key])[] = [
  [Target.LocalAddress, createKey('net.host.ip')],
  [Target.LocalPort, createKey('net.host.port')],
  [Target.PeerAddress, createKey('net.peer.ip')],
  [Target.PeerPort, createKey('net.peer.port')],
]

/** Renames or doubles, in place, the attributes that the translator itself wrote; tags have other key objects. */
export function applyNames(attributes: KeyValue[], names: SemconvNames): void {
  if (names === 'stable') return
  const count = attributes.length
  for (let i = 0; i < count; i++) {
    const attribute = attributes[i] as KeyValue
    const found = legacyNames.find(([target]) => targetKeys[target] === attribute.key)
    if (found === undefined) continue
    const [, legacy] = found
    if (attributes.some((one) => one.key.text === legacy.text)) continue
    if (names === 'both') attributes.push(rekeyed(legacy, attribute))
    else attributes[i] = rekeyed(legacy, attribute)
  }
}
