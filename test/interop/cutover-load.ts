/** Senders that go on until they are told to stop: our own requests at a steady pace, and real clients one run after the other. */

import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { vectorFiles } from '../support/shared.ts'
import { type LegacyJson, shopTraces } from '../support/trace-backends.ts'

/** Something that sends. */
export interface Sender {
  readonly name: string
  /** What it did, in words. */
  said(): string
  /** No more; resolves when all that was begun is over. */
  stop(): Promise<void>
}

/** A request to be sent until it is taken. */
export interface Post {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array<ArrayBuffer>
}

/** Does `work` again and again, `pauseMs` between two; faults are counted, as a client that logs them and goes on. */
export function repeatedly(name: string, pauseMs: number, work: (round: number) => Promise<unknown>): Sender {
  const faults = new Map<string, number>()
  const state = { rounds: 0, ended: false }
  const all = async (): Promise<void> => {
    while (!state.ended) {
      const began = performance.now()
      try {
        await work(state.rounds)
        state.rounds++
      } catch (error) {
        const words = String(error).split('\n')[0]?.slice(0, 100) ?? ''
        faults.set(words, (faults.get(words) ?? 0) + 1)
        await delay(100)
      }
      await delay(Math.max(0, pauseMs - (performance.now() - began)))
    }
  }
  const over = all()
  return {
    name,
    said: () => `${name}: ${state.rounds} rounds${[...faults].map(([words, count]) => `; ${count} × ${words}`).join('')}`,
    async stop() {
      state.ended = true
      await over
    },
  }
}

/** A sender that repeats what was not taken, as those do that keep what they send. Every 25th request is on a connection of its own. */
export const poster = (name: string, pauseMs: number, make: (n: number) => Post): Sender => {
  let made: { readonly n: number; readonly post: Post } | undefined
  return repeatedly(name, pauseMs, async (n) => {
    if (made?.n !== n) made = { n, post: make(n) }
    const { url, headers, body } = made.post
    const reply = await fetch(url, { method: 'POST', headers: { ...headers, ...(n % 25 === 0 ? { connection: 'close' } : {}) }, body })
    const text = await reply.text()
    if (!reply.ok || text.includes('"errors":true')) throw new Error(`${reply.status} ${text.slice(0, 60)}`)
  })
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** The shared vectors of Zipkin in JSON version 2 whose spans all say when they began; those that an old Zipkin would refuse are for the caller to leave out. */
export function zipkinVectors(): readonly (readonly LegacyJson[])[] {
  return vectorFiles('zipkin')
    .filter((file) => /\/(?:real|syn)_[^/.]*\.json$/.test(file))
    .flatMap((file) => {
      const spans: unknown = JSON.parse(readFileSync(file, 'utf8'))
      if (!Array.isArray(spans) || spans.length === 0) return []
      return spans.every((one) => !('binaryAnnotations' in one) && Number(one.timestamp) > 0) ? [spans as readonly LegacyJson[]] : []
    })
}

/** The same spans with ids of their own, as if they began now. @param n another for each call */
export function renewed(spans: readonly LegacyJson[], n: number, nowMs: number): readonly LegacyJson[] {
  const ids = new Map<string, string>()
  const first = Math.min(...spans.map((one) => Number(one.timestamp)))
  const later = (value: number): number => (value > 0 ? value + Math.floor(nowMs * 1000) - first : value)
  const fresh = (id: string): string => {
    const found = ids.get(id) ?? `${hex(n + 1, 8)}${hex(Math.floor(nowMs) % 2 ** 32, 8)}${hex(ids.size + 1, 16)}`
    ids.set(id, found)
    return found
  }
  return spans.map((one) => ({
    ...one,
    traceId: fresh(String(one.traceId)),
    timestamp: later(Number(one.timestamp)),
    ...(one.annotations === undefined
      ? {}
      : { annotations: one.annotations.map((each) => ({ ...each, timestamp: later(each.timestamp) })) }),
  }))
}

const shop = shopTraces(500, 1, 7)

/** A request of so many traces of the shop, as if they began now. */
export const shopBody = (n: number, traces: number, nowMs: number): readonly LegacyJson[] =>
  Array.from({ length: traces }, (_, at) => {
    const place = ((n * traces + at) % 500) * 3
    return renewed(shop.slice(place, place + 3), n * traces + at, nowMs)
  }).flat()
