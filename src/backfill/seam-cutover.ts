/** Finds out when the bridge took over from a source: out of what it noted beside its queue. */

import { existsSync } from 'node:fs'
import { BridgeError } from '../errors.ts'
import type { Signal } from '../otlp/intake.ts'
import { identityVersion, serviceHash } from '../otlp/seam-identity.ts'
import { type FormatNote, hasSeam, openSeamFile, readFormats, readKeys, seamFolder } from '../seam/layout.ts'
import { createSeamFilter, type SeamFilter, type SignalCut } from './seam.ts'
import { readSeamIndex } from './seam-index.ts'

/** `g` unless `--seam` says otherwise. */
export const defaultBandMs = 15 * 60_000

/** Live formats of what a source holds, by how they begin; others of its signal stand in where there are none of these. */
const families: readonly (readonly [source: RegExp, formats: RegExp, signals: readonly Signal[]])[] = [
  [/^jaeger-/, /^jaeger/, ['traces']],
  [/^zipkin-/, /^zipkin/, ['traces']],
  [/^prometheus-/, /^(?:remote-write|prometheus)/, ['metrics']],
  [/^elasticsearch$/, /^(?:es-|beats)/, ['logs', 'metrics']],
]
const anything = /^/
const allSignals: readonly Signal[] = ['traces', 'metrics', 'logs']

export interface CutoverOptions {
  /** Folder of the bridge's queue; undefined: its queue has none, and `--bridge-data` was not given. */
  readonly dataPath: string | undefined
  /** `jaeger-es` */
  readonly sourceKind: string
  readonly bandMs: number
  /** T0 of a run that was begun before: it stays. */
  readonly fixedMs?: number | undefined
  readonly nowMs: number
}

export interface Cutover {
  /** T0, ms: the earliest of all formats of the source. */
  readonly firstMs: number
  /** No item of a later time is history. */
  readonly untilMs: number
  readonly filter: SeamFilter
  /** Sentences for whoever started it. */
  readonly said: readonly string[]
}

const refuse = (cause: string, place = '--until'): BridgeError =>
  new BridgeError('OB_CONFIG', `cannot use --until cutover: ${cause}`, { place })

const iso = (ms: number): string => new Date(ms).toISOString()

const minutes = (ms: number): string => `${Math.round(ms / 60_000)} min`

interface Notes {
  readonly formats: readonly FormatNote[]
  /** Service → when it was first taken. */
  readonly services: ReadonlyMap<string, number>
}

function readNotes(dataPath: string): Notes {
  const db = openSeamFile(dataPath, 'read')
  try {
    const formats = readFormats(db)
    const services = new Map<string, number>()
    for (const { format } of formats.filter(({ signal }) => signal === 'traces')) {
      for (const { key, firstMs } of readKeys(db, format)) services.set(key, Math.min(firstMs, services.get(key) ?? firstMs))
    }
    return { formats, services }
  } finally {
    db.close()
  }
}

const earliest = (notes: readonly FormatNote[]): number =>
  notes.reduce((least, { firstMs }) => Math.min(least, firstMs), notes[0]?.firstMs ?? 0)

function cutOf(signal: Signal, { formats, services }: Notes, firstMs: number, { dataPath = '', bandMs }: CutoverOptions): SignalCut {
  const ofSignal = formats.filter((one) => one.signal === signal)
  const index = readSeamIndex(
    dataPath,
    signal,
    ofSignal.filter(({ identity }) => identity === identityVersion).map(({ format }) => format),
  )
  const least = ofSignal.flatMap(({ leastMs }) => leastMs ?? [])
  return {
    firstMs,
    bandMs,
    leastMs: least.length === 0 ? undefined : least.reduce((a, b) => Math.min(a, b)),
    services: signal === 'traces' ? new Map([...services].map(([service, firstMs]) => [serviceHash(service), firstMs])) : new Map(),
    index,
    isPartial: index.cut || ofSignal.some(({ full, identity }) => full || identity !== identityVersion),
  }
}

/** No item at or behind it is history. */
function endOf(signal: Signal, { firstMs, bandMs, services, index }: SignalCut): number {
  if (signal === 'metrics') return Math.max(firstMs, index.mostMs ?? firstMs)
  let latest = firstMs
  for (const one of services.values()) latest = Math.max(latest, one)
  return latest + bandMs
}

/**
 * Looks up T0 of the formats that a source holds, and reads the index. Throws OB_CONFIG where the bridge has noted nothing, with the folder that was looked
 * in. Memory: 8 bytes an identity, 16 a stream; at most 10 million are read.
 */
export function findCutover(options: CutoverOptions): Cutover {
  const { dataPath, sourceKind, bandMs, nowMs } = options
  if (dataPath === undefined)
    throw refuse(
      'the bridge keeps its notes beside its disk queue, and queue.type is another; name its folder with --bridge-data, or give a time',
    )
  const folder = seamFolder(dataPath)
  if (!hasSeam(dataPath)) {
    const why = existsSync(dataPath) ? 'a bridge there has taken nothing yet' : 'there is no such folder'
    throw refuse(
      `no bridge has noted in ${folder} when it took over (${why}); name the folder of its queue with --bridge-data, or give a time`,
    )
  }
  let notes: Notes
  try {
    notes = readNotes(dataPath)
  } catch (error) {
    throw refuse(`what the bridge noted in ${folder} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  const [, pattern, signals] = families.find(([source]) => source.test(sourceKind)) ?? [anything, anything, allSignals]
  const ofSignals = notes.formats.filter(({ signal }) => signals.includes(signal))
  const exact = ofSignals.filter(({ format }) => pattern.test(format))
  const own = exact.length > 0 ? exact : ofSignals
  if (own.length === 0) throw refuse(`the bridge of ${folder} has taken no ${signals.join(' or ')} yet; give a time`)
  const foundMs = earliest(own)
  const isOther = options.fixedMs !== undefined && options.fixedMs !== foundMs
  const said: string[] = []
  if (isOther)
    said.push(`the bridge has noted ${iso(foundMs)} by now; the run keeps what it was begun with, ${iso(options.fixedMs ?? foundMs)}`)
  const cuts: Partial<Record<Signal, SignalCut>> = {}
  let untilMs = 0
  for (const signal of signals) {
    const ownOfSignal = own.filter((one) => one.signal === signal)
    if (ownOfSignal.length === 0) continue
    const short = ownOfSignal.find(({ keptMs }) => signal !== 'metrics' && keptMs < bandMs * 2)
    if (short !== undefined)
      throw refuse(
        `--seam ${minutes(bandMs)} is too wide: the bridge keeps for ${minutes(short.keptMs)} what it took, half of that is the most`,
        '--seam',
      )
    const cut = cutOf(signal, notes, isOther ? (options.fixedMs ?? foundMs) : earliest(ownOfSignal), options)
    cuts[signal] = cut
    untilMs = Math.max(untilMs, endOf(signal, cut))
    const names = ownOfSignal.map(({ format }) => format).join(', ')
    const band =
      signal === 'metrics' ? `${cut.index.size} streams noted` : `band of ${minutes(bandMs)} on both sides, ${cut.index.size} items noted`
    said.push(`cutover of ${names} (${signal}): ${iso(cut.firstMs)}; ${band}`)
    if (cut.isPartial)
      said.push(`not all ${signal} that the bridge took then could be noted: some may come twice, counted as seam_unproved`)
    const openUntilMs = Math.max(...ownOfSignal.map(({ firstMs, keptMs }) => firstMs + keptMs))
    if (nowMs < openUntilMs)
      said.push(`the bridge notes ${signal} until ${iso(openUntilMs)}: begun before then, the run may repeat what comes in until then`)
  }
  return { firstMs: options.fixedMs ?? foundMs, untilMs, filter: createSeamFilter(cuts), said }
}
