/** A way to an old backend that only remembers: what tests of doors hand in as `mirrors`. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Asked, LegacyAnswer, MirrorDoor, MirrorState, ProxyOptions, RequestHead } from '../../../src/ingest/mirror-door.ts'
import type { Envelope } from '../../../src/otlp/intake.ts'

export interface FakeMirror {
  readonly door: MirrorDoor
  /** May be changed at any time. */
  state: MirrorState
  /** What `ask` gives; a function is called with the envelope. */
  answer: Asked | ((envelope: Envelope) => Promise<Asked>)
  /** Heads and bodies as they were wrapped, in order; those of a large body one after the other. */
  readonly wrapped: { head: RequestHead; body: Buffer; items: number; key: string | undefined; part?: number; last?: boolean }[]
  readonly asked: Envelope[]
  readonly counts: Record<string, number>
  readonly proxied: { request: IncomingMessage; response: ServerResponse; options: ProxyOptions }[]
  /** How `proxy` answers. */
  onProxy: (request: IncomingMessage, response: ServerResponse, options: ProxyOptions) => void
}

export const dualState: MirrorState = {
  answer: 'bridge',
  old: 'required',
  new: 'required',
  undecodable: 'refuse',
  proxy: true,
  keepRefused: false,
  newUi: undefined,
}

/** An answer of the old backend in JSON. */
export const answered = (status: number, body: string | object, headers: readonly string[] = []): Asked => ({
  how: 'answered',
  answer: {
    status,
    headers: ['Content-Type', 'application/json', ...headers],
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  } satisfies LegacyAnswer,
})

/** @param endpoint `elasticsearch` */
export function createFakeMirror(endpoint: string, state: Partial<MirrorState> = {}): FakeMirror {
  const name = `mirror.${endpoint}`
  const fake: FakeMirror = {
    state: { ...dualState, ...state },
    answer: { how: 'none', why: 'down', fallback: 'bridge' },
    wrapped: [],
    asked: [],
    counts: {},
    proxied: [],
    onProxy(_request, response, options) {
      options.answered?.(200)
      response.end('old')
    },
    door: {
      name,
      state: () => fake.state,
      loops: (via) => via?.includes('otlp-bridge-own') === true,
      wrap(head, pieces, { format, items, key }) {
        const body = Buffer.concat(pieces)
        fake.wrapped.push({ head, body, items, key })
        return { mirror: name, format, items, data: new Uint8Array(body) }
      },
      wrapLarge(head, { format, key }) {
        let part = 0
        return {
          part(bytes, items, last) {
            const body = Buffer.from(bytes)
            fake.wrapped.push({ head, body, items, key, part: part++, last })
            return { mirror: name, format, items, data: new Uint8Array(body) }
          },
        }
      },
      ask(envelope) {
        fake.asked.push(envelope)
        return typeof fake.answer === 'function' ? fake.answer(envelope) : Promise.resolve(fake.answer)
      },
      proxy(request, response, options = {}) {
        fake.proxied.push({ request, response, options })
        fake.onProxy(request, response, options)
      },
      count(reason, items) {
        fake.counts[reason] = (fake.counts[reason] ?? 0) + items
      },
    },
  }
  return fake
}
