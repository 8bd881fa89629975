/** What a case of content is, and how it becomes a request: among good neighbours, in both versions. */

import { snappyBody, type Version } from '../../support/remote-write.ts'
import type { WriteCase, Written } from './throw-write.ts'
import { good, type Labels, plainOf, type Series } from './writes.ts'

export interface Content {
  readonly name: string
  readonly series: readonly Series[]
  /** Reasons, with how many samples of each are refused. */
  readonly refused?: Readonly<Record<string, number>>
  /** Samples, histograms, exemplars that are written, without the neighbours. */
  readonly written: NonNullable<Written>
  /** Points of metrics of `series`. */
  readonly arrive?: Readonly<Record<string, number>>
  readonly text?: RegExp
  /** Refused under a word that is not said here. */
  readonly isRefused?: boolean
  /** Bytes of the plain body that are exchanged: what no encoder would write. */
  readonly exchange?: readonly [text: string, bytes: Uint8Array]
  readonly only?: Version
}

export const repeated = (count: number): Labels => Array.from({ length: count }, (_, i) => [`label_${i}`, 'x'] as const)

/** Bytes that are no UTF-8, as long as `PLACE`. */
export const invalid = Uint8Array.of(0xff, 0xfe, 0xc3, 0x28)
export const overlong = Uint8Array.of(0xc0, 0x80, 0xc0, 0xaf)
export const surrogate = Uint8Array.of(0xed, 0xa0, 0x80, 0x41)

/** The stale marker, in decimal. */
export const stale = BigInt('0x7ff0000000000002').toString()

const exchanged = (bytes: Uint8Array, change: Content['exchange']): Uint8Array => {
  if (change === undefined) return bytes
  const [text, other] = change
  const at = Buffer.from(bytes).indexOf(text)
  if (at < 0 || text.length !== other.length) throw new Error(`nothing to exchange for ${text}`)
  const copy = Buffer.from(bytes)
  copy.set(other, at)
  return copy
}

export function caseOf(content: Content, version: Version, at: number): WriteCase {
  const { series, written, refused, exchange, arrive, text } = content
  const [before, after] = [`before_${version}_${at}`, `after_${version}_${at}`]
  const [samples, histograms, exemplars] = written
  return {
    name: `${version}.0: ${content.name}`,
    version,
    body: () => snappyBody(exchanged(plainOf(version, [good(before), ...series, good(after)]), exchange)),
    // Of another tenant: otherwise they would be duplicates of those in 1.0.
    headers: { 'x-scope-orgid': `version ${version}` },
    status: refused !== undefined || content.isRefused === true ? 400 : 204,
    written: version === 2 ? [samples + 2, histograms, exemplars] : undefined,
    reasons: Object.fromEntries(Object.entries(refused ?? {}).filter(([, count]) => count > 0)),
    arrive: { ...arrive, [before]: 1, [after]: 1 },
    ...(text === undefined ? {} : { text }),
  }
}
