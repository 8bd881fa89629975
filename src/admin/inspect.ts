/**
 * Looks at a few requests a second of every endpoint and keeps the latest in memory, before and after, for the view "Look inside". Never on disk.
 * What a rule made is explained when somebody looks, not before.
 */

import type { Observer, Seen } from '../ingest/observe.ts'
import { requestToJson } from '../otlp/json/to-json.ts'
import type { Explanation } from '../translate/explain.ts'
import type { InspectDetail, InspectItem } from './api.ts'
import { maskBody, maskJson, safeHeaderPairs } from './mask.ts'
import type { InspectSource } from './sources.ts'

export interface InspectDeps {
  readonly mode: 'masked' | 'full'
  readonly nowMs: () => number
  /** Why the OTLP of a body is what it is; undefined for a format that has nothing to say about it. Throws for bodies that cannot be read. */
  readonly explain?: (format: string, body: Uint8Array, atMs: number) => Promise<Explanation | undefined>
}

export interface Inspect {
  readonly observer: Observer
  readonly source: InspectSource
}

/** Requests of one endpoint. */
const ringSize = 64
/** Bytes of one of them, before and after together. */
const maxRequestBytes = 256 * 1024
/** Bytes of all of them. */
const maxBytes = 16 * 1024 * 1024
/** A second and endpoint: looking costs nothing to speak of. */
const perSecond = 5
const maxEndpoints = 32
const maxHexBytes = 16 * 1024
const maxRules = 2000

interface Looked {
  readonly item: InspectItem
  readonly headers: readonly string[]
  readonly body: Uint8Array
  readonly truncated: boolean
  /** Empty when nothing came of it; undefined when it is too large to be kept. */
  readonly otlp: Uint8Array | undefined
}

interface Ring {
  readonly kept: Looked[]
  second: number
  taken: number
}

/** Text if it is text: UTF-8 without control characters. */
function textOf(body: Uint8Array, truncated: boolean): string | undefined {
  try {
    // A cut may be in the middle of a character.
    const text = new TextDecoder('utf-8', { fatal: !truncated }).decode(body)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they tell text from the rest
    return /[\u0000-\u0008\u000e-\u001f\ufffd]/.test(text.slice(0, 4096)) ? undefined : text
  } catch {
    return undefined
  }
}

const copyOf = (bytes: Uint8Array, most: number): Uint8Array => Uint8Array.prototype.slice.call(bytes, 0, most)

type Ruled = Pick<InspectDetail, 'rules' | 'lost'>

function rulesOf({ items, leftovers, sentences }: Explanation): Ruled {
  const rules: { path: string; from: string; rule: string; note: string }[] = []
  const lost: { path: string; why: string }[] = []
  const why = (ids: readonly string[]): string => ids.map((id) => sentences[id] ?? id).join('; ')
  for (const { spans, leftovers: own, rejected, title } of items) {
    if (rules.length + lost.length >= maxRules) break
    for (const { fields } of spans) {
      for (const { path, from, rules: ids } of fields) {
        rules.push({ path, from: from.join(', '), rule: ids.join(', '), note: why(ids) })
      }
    }
    if (rejected !== undefined) lost.push({ path: title, why: rejected.reason })
    for (const one of own) if (one.fate === 'lost') lost.push({ path: one.leaf.name, why: why(one.rules) })
  }
  for (const one of leftovers) if (one.fate === 'lost') lost.push({ path: one.leaf.name, why: why(one.rules) })
  return { rules: rules.slice(0, maxRules), lost: lost.slice(0, maxRules) }
}

export function createInspect({ mode, nowMs, explain }: InspectDeps): Inspect {
  const rings = new Map<string, Ring>()
  let bytes = 0
  let ids = 0

  const ringOf = (endpoint: string): Ring | undefined => {
    let ring = rings.get(endpoint)
    if (ring === undefined && rings.size < maxEndpoints) rings.set(endpoint, (ring = { kept: [], second: 0, taken: 0 }))
    return ring
  }
  const sizeOf = (one: Looked): number => one.body.length + (one.otlp?.length ?? 0)
  const forgetOldest = (ring: Ring): void => {
    const gone = ring.kept.shift()
    if (gone !== undefined) bytes -= sizeOf(gone)
  }
  /** The endpoint that holds most gives way first. */
  const fullest = (): Ring | undefined => [...rings.values()].sort((a, b) => sum(b) - sum(a))[0]
  const sum = (ring: Ring): number => ring.kept.reduce((total, one) => total + sizeOf(one), 0)

  const keep = (seen: Seen): void => {
    const ring = ringOf(seen.endpoint)
    if (ring === undefined) return
    const body = copyOf(seen.body, maxRequestBytes)
    const room = maxRequestBytes - body.length
    const otlp = seen.otlp.length > room ? undefined : copyOf(seen.otlp, room)
    const item: InspectItem = {
      id: String(++ids),
      at: new Date(seen.atMs).toISOString(),
      endpoint: seen.endpoint,
      format: seen.format,
      signal: seen.signal,
      client: seen.client?.address ?? '',
      // A query may hold a token.
      request: seen.request.split('?', 1)[0] ?? '',
      bytes: seen.body.length,
      items: seen.items,
      outcome: seen.refused === undefined ? 'taken' : seen.items > 0 ? 'partly' : 'refused',
      ...(seen.refused === undefined ? {} : { text: seen.refused.slice(0, 500) }),
    }
    const looked = { item, headers: [...seen.headers].slice(0, 128), body, truncated: body.length < seen.body.length, otlp }
    ring.kept.push(looked)
    bytes += sizeOf(looked)
    if (ring.kept.length > ringSize) forgetOldest(ring)
    while (bytes > maxBytes) {
      const most = fullest()
      if (most === undefined || most.kept.length === 0) break
      forgetOldest(most)
    }
  }

  const ruledOf = async ({ item, body, truncated }: Looked): Promise<Ruled> => {
    if (explain === undefined || truncated) return { rules: [], lost: [] }
    try {
      const explanation = await explain(item.format, body, Date.parse(item.at))
      return explanation === undefined ? { rules: [], lost: [] } : rulesOf(explanation)
    } catch {
      // It was refused for what is in it, which the item says already.
      return { rules: [], lost: [] }
    }
  }

  const otlpOf = ({ otlp, item }: Looked): unknown => {
    if (otlp === undefined || otlp.length === 0) return null
    const signal = item.signal === 'metrics' || item.signal === 'logs' ? item.signal : 'traces'
    const json: unknown = JSON.parse(Buffer.from(requestToJson(signal, otlp)).toString())
    return mode === 'full' ? json : maskJson(json, true)
  }

  return {
    observer: {
      wants(endpoint) {
        const ring = ringOf(endpoint)
        if (ring === undefined) return false
        const second = Math.floor(nowMs() / 1000)
        if (ring.second !== second) {
          ring.second = second
          ring.taken = 0
        }
        return ring.taken < perSecond
      },
      see(seen) {
        const ring = ringOf(seen.endpoint)
        if (ring !== undefined) ring.taken++
        try {
          keep(seen)
        } catch {
          // Looking is never a reason for a request to fail.
        }
      },
    },
    source: {
      mode,
      endpoints: () => [...rings].filter(([, ring]) => ring.kept.length > 0).map(([name]) => name),
      list: (endpoint) =>
        [...rings]
          .filter(([name]) => endpoint === undefined || name === endpoint)
          .flatMap(([, ring]) => ring.kept.map((one) => one.item))
          .sort((a, b) => Number(b.id) - Number(a.id))
          .slice(0, 256),
      async show(id) {
        const found = [...rings.values()].flatMap((ring) => ring.kept).find((one) => one.item.id === id)
        if (found === undefined) return undefined
        const { body, truncated, headers } = found
        const text = textOf(body, truncated)
        const pairs = safeHeaderPairs(headers, mode === 'masked')
        const hex = Buffer.from(body.subarray(0, maxHexBytes)).toString('hex')
        return {
          ...found.item,
          mode,
          legacy: {
            media: pairs.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? '',
            headers: pairs,
            ...(mode === 'masked' ? { text: maskBody(text, body) } : text === undefined ? { hex } : { text }),
            truncated: truncated || (mode === 'full' && text === undefined && body.length > maxHexBytes),
          },
          otlp: otlpOf(found),
          ...(await ruledOf(found)),
        }
      },
    },
  }
}
