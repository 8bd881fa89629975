/** What a running bridge says was to be there: its admin API, as far as parity needs it. Whatever it does not know, the old side has to stand in for. */

import { BridgeError } from '../errors.ts'
import type { HttpClient } from '../read/http-client.ts'
import { isJson, type Json, listOf } from '../read/otlp-json.ts'
import type { Books, ExpectedMinute, ExpectedSample, ParityFormat, Window } from './model.ts'

/** `jaeger.http` belongs to `jaeger`, `elasticsearch` and `beats` both to `elasticsearch`. */
const formatOf = (endpoint: unknown): string => {
  const [name = ''] = String(endpoint).split('.')
  return name === 'beats' ? 'elasticsearch' : name
}

const numberOf = (value: unknown): number => {
  const number = Number(value)
  return Number.isFinite(number) ? number : 0
}

const bytesOf = (value: unknown): Uint8Array | undefined =>
  typeof value === 'string' && value !== '' ? Buffer.from(value, 'base64') : undefined

const rowOf = (one: Json): ExpectedMinute => ({
  key: String(one['key']),
  minuteMs: Date.parse(String(one['minute'])),
  old: numberOf(one['items']),
  new: numberOf(one['itemsOut']),
  reasons: [],
})

/** What became of minutes that are not equal, in the books' own words. */
function reasonsOf(live: Json): readonly { readonly place: string; readonly reason: ExpectedMinute['reasons'][number] }[] {
  return listOf(live['minutes']).flatMap((one) =>
    (['old', 'new'] as const).flatMap((side) => {
      const counts = isJson(one[side]) ? one[side] : {}
      const count = numberOf(counts['expected']) - numberOf(counts['delivered'])
      if (count <= 0 || one['verdict'] === 'equal') return []
      const place = `${String(one['key'])} ${Date.parse(String(one['at']))}`
      const explained = one['verdict'] === 'explained'
      return [
        { place, reason: { side, class: explained ? ('skipped' as const) : ('unexplained' as const), reason: String(one['text']), count } },
      ]
    }),
  )
}

/** Reads `/api/v1/parity/samples` and `/api/v1/parity/live`, once a window. Answers undefined when the bridge has no such thing. */
function createBooks(http: HttpClient): Books {
  const answers = new Map<string, Promise<unknown>>()
  const ask = (path: string, { fromMs, toMs }: Window): Promise<unknown> => {
    const query = [
      ['since', new Date(fromMs).toISOString()],
      ['until', new Date(toMs).toISOString()],
    ] as const
    const name = `${path} ${fromMs} ${toMs}`
    const found = answers.get(name) ?? http.json({ path, query, accept: [404, 501, 503] })
    answers.set(name, found)
    return found
  }
  const mine = (list: unknown, format: ParityFormat): readonly Json[] => listOf(list).filter((one) => formatOf(one['endpoint']) === format)
  return {
    async expected(format, window) {
      const samples = await ask('/api/v1/parity/samples', window)
      if (!isJson(samples) || !Array.isArray(samples['expected'])) return undefined
      const rows = mine(samples['expected'], format)
      // A minute with a gap in the books says less than the old side does.
      if (rows.length === 0 || rows.some((one) => one['incomplete'] === true)) return undefined
      const live = await ask('/api/v1/parity/live', window)
      const reasons = isJson(live) ? reasonsOf({ minutes: mine(live['minutes'], format) }) : []
      return rows.map(rowOf).map((row) => {
        const own = reasons.filter(({ place }) => place === `${row.key} ${row.minuteMs}`).map(({ reason }) => reason)
        return { ...row, reasons: own }
      })
    },
    async samples(format, window) {
      const answer = await ask('/api/v1/parity/samples', window)
      if (!isJson(answer) || !Array.isArray(answer['items'])) return undefined
      return mine(answer['items'], format).map(
        (one): ExpectedSample => ({
          key: String(one['key']),
          id: String(one['id']),
          atMs: Date.parse(String(one['at'])),
          legacy: bytesOf(one['legacy']),
          otlp: bytesOf(one['otlp']),
        }),
      )
    },
  }
}

/** The books of the bridge there, or undefined when nothing answers: parity goes on without, and says so. */
export async function findBooks(http: HttpClient): Promise<Books | undefined> {
  try {
    const { status } = await http.send({ path: '/api/v1/parity/samples', accept: [400, 401, 403, 404, 501, 503] })
    return status === 200 ? createBooks(http) : undefined
  } catch (error) {
    if (error instanceof BridgeError && error.code === 'OB_BACKEND') return undefined
    throw error
  }
}
