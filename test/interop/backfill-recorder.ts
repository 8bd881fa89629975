/** An OTLP endpoint that remembers which items came and how often, and keeps a sample of them whole: its memory is 20 bytes an item. */

import { createServer } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { closeNow, listenLocally } from '../support/local-server.ts'
import { ItemKey, isSampled, KeyCounts } from './backfill-keys.ts'
import { fieldOf, type ItemPlace, requestOf, walkItems } from './backfill-wire.ts'

export type RecordedSignal = 'traces' | 'logs' | 'metrics'

/**
 * What a request says, as keys. Returns how many OTLP items are in it.
 * @param add counts the key as it is now; `place`: where the item stands, if it may be kept
 */
export type KeysOf = (body: Buffer, key: ItemKey, add: (place?: ItemPlace) => void) => number

const none = Buffer.alloc(0)

/** Trace, span, start: what {@link spanKey} says of a document. */
export const spanKeys: KeysOf = (body, key, add) =>
  walkItems(body, (place) => {
    key.begin()
    for (const field of [1, 2, 7]) {
      const at = fieldOf(body, place.item, field)
      if (at === undefined) key.bytes(none)
      else key.bytes(body, at.from, at.to)
    }
    key.end()
    add(place)
  })

/** @param startNs 0: it has none */
export function spanKey(key: ItemKey, traceId: string, spanId: string, startNs: bigint): void {
  const start = Buffer.alloc(8)
  start.writeBigUInt64LE(startNs)
  key.begin()
  key.bytes(Buffer.from(traceId.padStart(32, '0'), 'hex'))
  key.bytes(Buffer.from(spanId.padStart(16, '0'), 'hex'))
  key.bytes(start)
  key.end()
}

/** Time and body, which has to be text: what {@link logKey} says of a document. */
export const logKeys: KeysOf = (body, key, add) =>
  walkItems(body, (place) => {
    key.begin()
    const time = fieldOf(body, place.item, 1)
    key.bytes(body, time?.from ?? 0, time?.to ?? 0)
    const value = fieldOf(body, place.item, 5)
    const text = value === undefined ? undefined : fieldOf(body, value, 1)
    key.bytes(body, text?.from ?? 0, text?.to ?? 0)
    key.end()
    add(place)
  })

export function logKey(key: ItemKey, timeNs: bigint, message: string): void {
  const time = Buffer.alloc(8)
  time.writeBigUInt64LE(timeNs)
  key.begin()
  key.bytes(time)
  key.text(message)
  key.end()
}

export const keyText = ({ hi, lo }: Pick<ItemKey, 'hi' | 'lo'>): string => `${hi}/${lo}`

export interface Recorder {
  /** For `emit.endpoint`. */
  readonly url: string
  readonly counts: KeyCounts
  /** OTLP items that came, repeats among them. */
  readonly arrived: number
  readonly requests: number
  readonly bytes: number
  /** Requests with one item, by {@link keyText}. */
  readonly sample: ReadonlyMap<string, Buffer>
  /** Requests that could not be read, repeats that were not the same bytes again. */
  readonly faults: readonly string[]
  /** Called after each request was counted, before it is answered. */
  onRequest: (() => void) | undefined
  close(): Promise<void>
}

export interface RecorderOptions {
  readonly signal: RecordedSignal
  readonly keysOf: KeysOf
  /** How many are kept of so many. */
  readonly sample: { readonly wanted: number; readonly items: number }
}

/** Starts it on a free port. */
export async function startRecorder({ signal, keysOf, sample: { wanted, items } }: RecorderOptions): Promise<Recorder> {
  const counts = new KeyCounts()
  const sample = new Map<string, Buffer>()
  const faults: string[] = []
  const key = new ItemKey()
  let [arrived, requests, bytes] = [0, 0, 0]
  const fault = (text: string): void => void (faults.length < 20 ? faults.push(text) : undefined)

  const take = (body: Buffer): void => {
    requests++
    bytes += body.length
    arrived += keysOf(body, key, (place) => {
      counts.add(key)
      if (place === undefined || !isSampled(key, wanted, items)) return
      const own = requestOf(body, place)
      const before = sample.get(keyText(key))
      if (before === undefined) sample.set(keyText(key), own)
      else if (!before.equals(own)) fault(`an item came again with other bytes: ${before.toString('hex')} and ${own.toString('hex')}`)
    })
  }

  const server = createServer((request, reply) => {
    const chunks: Buffer[] = []
    request.on('error', () => {})
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      // Whoever asks what this is gets no answer.
      if (request.method !== 'POST' || request.url !== `/v1/${signal}`) {
        if (request.method === 'POST') fault(`${request.method} ${request.url}`)
        reply.writeHead(404, { 'content-length': 0 }).end()
        return
      }
      try {
        const body = Buffer.concat(chunks)
        take(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body)
      } catch (error) {
        fault(String(error))
      }
      recorder.onRequest?.()
      reply.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end()
    })
  })
  const port = await listenLocally(server)
  const recorder: Recorder = {
    url: `http://127.0.0.1:${port}`,
    counts,
    get arrived() {
      return arrived
    },
    get requests() {
      return requests
    },
    get bytes() {
      return bytes
    },
    sample,
    faults,
    onRequest: undefined,
    close: async () => closeNow(server),
  }
  return recorder
}
