/**
 * `GET /api/v1/events`: what changes, pushed (Server-Sent Events). A tick each second with the numbers that are others than at the last one, and an
 * event for what happens seldom. Nothing is computed while nobody listens, but what happens seldom is kept for five minutes.
 */

import type { ServerResponse } from 'node:http'
import { BridgeError } from '../errors.ts'
import type { Overview, Tick } from './api.ts'

export type EventKind = 'tick' | 'minute' | 'health' | 'change' | 'dead' | 'parity'

export interface EventsDeps {
  /** May wait for other processes. */
  readonly overview: () => Promise<Overview>
  readonly nowMs: () => number
}

export interface Events {
  /** Answers a request with the stream. Throws OB_ADMIN_BUSY beyond {@link maxStreams}. @param lastId of the last event that the client has got */
  open(response: ServerResponse, headers: Readonly<Record<string, string>>, lastId: string | undefined): void
  /** Tells everybody, and those that come back within five minutes. */
  publish(kind: EventKind, data: unknown): void
  /** Sends a tick now; resolves when it is written. Called each second while somebody listens. */
  tick(): Promise<void>
  readonly streams: number
  close(): void
}

/** Streams at a time. */
export const maxStreams = 50
/** A reader with more unsent is cut off; it comes back and is told what it missed. */
export const maxUnsentBytes = 256 * 1024

const replayMs = 5 * 60_000
const replayBytes = 1024 * 1024
const commentEveryTicks = 15
const maxTickBytes = 4096

interface Kept {
  readonly id: number
  readonly text: string
}

type Fields = Record<string, unknown>

/** Fields of `now` that are others than in `before`. */
function changed(now: Fields, before: Fields | undefined): Fields | undefined {
  const entries = Object.entries(now).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before?.[name]))
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/** The parts of a tick, each within the limit of its size. */
function ticksOf(now: Overview, before: Overview | undefined): Tick[] {
  const known = new Map(before?.endpoints.map((one) => [one.id, one]))
  const parts: Tick[] = []
  let endpoints: Record<string, Fields> = {}
  let size = 0
  for (const one of now.endpoints) {
    const fields = changed(one, known.get(one.id))
    if (fields === undefined) continue
    const bytes = JSON.stringify(fields).length
    if (size > 0 && size + bytes > maxTickBytes - 512) {
      parts.push({ at: now.at, endpoints })
      endpoints = {}
      size = 0
    }
    endpoints[one.id] = fields
    size += bytes
  }
  const books = JSON.stringify(now.books) === JSON.stringify(before?.books) ? undefined : now.books
  const dead = now.deadItems === before?.deadItems ? undefined : now.deadItems
  return [
    ...parts,
    { at: now.at, endpoints, ...(dead === undefined ? {} : { deadItems: dead }), ...(books === undefined ? {} : { books }) },
  ]
}

export function createEvents(deps: EventsDeps): Events {
  const streams = new Set<ServerResponse>()
  const kept: Kept[] = []
  let keptBytes = 0
  let lastId = 0
  let before: Overview | undefined
  let timer: NodeJS.Timeout | undefined
  let ticks = 0
  let under: Promise<void> | undefined

  const send = (response: ServerResponse, text: string): void => {
    if (response.writableLength > maxUnsentBytes) response.destroy()
    else response.write(text)
  }

  const publish = (kind: EventKind, data: unknown): void => {
    const nowMs = deps.nowMs()
    lastId = Math.max(lastId + 1, nowMs)
    const text = `id: ${lastId}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`
    kept.push({ id: lastId, text })
    keptBytes += text.length
    while (kept.length > 0 && (keptBytes > replayBytes || (kept[0]?.id ?? 0) < nowMs - replayMs))
      keptBytes -= kept.shift()?.text.length ?? 0
    for (const response of streams) send(response, text)
  }

  /** What came after an event: the latest of it, as far as it does not cut off the one who asks. The page reads everything anew when it comes back. */
  const missed = (id: number): string[] => {
    const texts: string[] = []
    let size = 0
    for (const one of kept.toReversed()) {
      size += one.text.length
      if (one.id <= id || size > maxUnsentBytes / 2) break
      texts.unshift(one.text)
    }
    return texts
  }

  const work = async (): Promise<void> => {
    const now = await deps.overview()
    if (streams.size === 0) return
    for (const one of ticksOf(now, before)) publish('tick', one)
    if (before !== undefined && JSON.stringify(now.health) !== JSON.stringify(before.health)) publish('health', now.health)
    if (before !== undefined && now.deadItems !== before.deadItems) publish('dead', { items: now.deadItems })
    before = now
    if (++ticks % commentEveryTicks === 0) for (const response of streams) send(response, ': still here\n\n')
  }

  const tick = (): Promise<void> => {
    under ??= work().finally(() => {
      under = undefined
    })
    return under
  }

  const left = (response: ServerResponse): void => {
    streams.delete(response)
    if (streams.size > 0) return
    clearInterval(timer)
    timer = undefined
    before = undefined
  }

  return {
    open(response, headers, last) {
      if (streams.size >= maxStreams) throw new BridgeError('OB_ADMIN_BUSY', `cannot open another stream: ${maxStreams} are open`)
      response.writeHead(200, { ...headers, 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
      response.write('retry: 3000\n\n')
      const from = Number(last)
      if (last !== undefined && Number.isFinite(from)) for (const text of missed(from)) response.write(text)
      streams.add(response)
      response.once('close', () => left(response))
      // An interval that fails is a bug of ours; the stream goes on with the next one.
      timer ??= setInterval(() => void tick().catch(() => {}), 1000).unref()
    },
    publish,
    tick,
    get streams() {
      return streams.size
    },
    close() {
      clearInterval(timer)
      for (const response of streams) response.destroy()
    },
  }
}
