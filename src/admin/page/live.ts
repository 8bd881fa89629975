/** What the bridge pushes: the overview, kept up to date by the stream of events, and whether that stream stands. */

import type { EndpointStatus, Overview, Session, Tick } from '../api.ts'
import { ApiFault, ask } from './request.ts'

export interface Live {
  readonly session: Session | undefined
  readonly overview: Overview | undefined
  /** Since when nothing is heard; undefined while the stream stands. */
  readonly lostSince: string | undefined
  /** When it was heard last. */
  readonly heard: string | undefined
  /** Why there is nothing to show at all. */
  readonly fault: string | undefined
  /** Grow with every event of their kind, so that views ask again. */
  readonly changes: number
  readonly dead: number
  readonly minutes: number
  readonly parity: number
}

type Listener = (live: Live) => void

/** A tab that nobody looks at for so long gives its stream back. */
const hiddenMs = 60_000
const againMs = 3000

export interface LiveSource {
  readonly now: () => Live
  subscribe(listener: Listener): () => void
}

/** The overview with what a tick says is new. */
export function withTick(overview: Overview, tick: Tick): Overview {
  const known = new Set(overview.endpoints.map((one) => one.id))
  const endpoints = overview.endpoints.map((one) => ({ ...one, ...tick.endpoints[one.id] }) as EndpointStatus)
  for (const [id, fields] of Object.entries(tick.endpoints)) {
    if (!known.has(id) && 'new' in fields) endpoints.push(fields as EndpointStatus)
  }
  return {
    ...overview,
    at: tick.at,
    endpoints,
    ...(tick.deadItems === undefined ? {} : { deadItems: tick.deadItems }),
    ...(tick.books === undefined ? {} : { books: tick.books }),
  }
}

/** Connects, and goes on connecting. */
export function startLive(): LiveSource {
  let live: Live = {
    session: undefined,
    overview: undefined,
    lostSince: undefined,
    heard: undefined,
    fault: undefined,
    changes: 0,
    dead: 0,
    minutes: 0,
    parity: 0,
  }
  const listeners = new Set<Listener>()
  let stream: EventSource | undefined
  let again: number | undefined
  let hidden: number | undefined

  const set = (part: Partial<Live>): void => {
    live = { ...live, ...part }
    for (const listener of listeners) listener(live)
  }
  const clock = (): string => new Date().toISOString()
  const lost = (): void => {
    if (live.lostSince === undefined) set({ lostSince: clock() })
  }

  const load = async (): Promise<void> => {
    const [session, overview] = await Promise.all([ask<Session>('/session'), ask<Overview>('/overview')])
    set({ session, overview, lostSince: undefined, heard: clock(), fault: undefined })
  }

  const close = (): void => {
    clearTimeout(again)
    stream?.close()
    stream = undefined
  }

  const connect = (): void => {
    close()
    const source = new EventSource('api/v1/events')
    stream = source
    source.onopen = () => void load().catch(failed)
    source.onerror = () => {
      lost()
      // A browser gives up for good on an answer that is none of a stream.
      if (source.readyState === EventSource.CLOSED) again = window.setTimeout(connect, againMs)
    }
    const on = (kind: string, act: (data: unknown) => void): void =>
      source.addEventListener(kind, (event) => {
        try {
          act(JSON.parse((event as MessageEvent<string>).data))
        } catch {
          // Cut in the middle: the next one brings the rest.
        }
      })
    on('tick', (data) => {
      if (live.overview !== undefined) set({ overview: withTick(live.overview, data as Tick), heard: clock(), lostSince: undefined })
    })
    on('health', (data) => {
      if (live.overview !== undefined) set({ overview: { ...live.overview, health: data as Overview['health'] } })
    })
    on('change', () => set({ changes: live.changes + 1 }))
    on('dead', () => set({ dead: live.dead + 1 }))
    on('minute', () => set({ minutes: live.minutes + 1 }))
    on('parity', () => set({ parity: live.parity + 1 }))
  }

  function failed(error: unknown): void {
    lost()
    if (error instanceof ApiFault) set({ fault: error.message })
    if (live.overview === undefined) again = window.setTimeout(() => void load().catch(failed), againMs)
  }

  document.addEventListener('visibilitychange', () => {
    clearTimeout(hidden)
    if (document.hidden) hidden = window.setTimeout(close, hiddenMs)
    else if (stream === undefined) connect()
  })
  connect()
  void load().catch(failed)
  return {
    now: () => live,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
