/** The dead letters of a disk queue for the page: listed, tried again, removed. Works on the store beside the running queue, as `otlp-bridge queue` does. */

import { endpointOf, endpointOfMirror, isMirror } from '../books/endpoint.ts'
import { openStoreForInspection, type StoreInspection } from '../emit/queue/dead-letters.ts'
import type { DeadLetter } from '../emit/queue/queue.ts'
import { BridgeError } from '../errors.ts'
import { decodeEnvelope } from '../mirror/envelope.ts'
import type { DeadFilter, DeadItem, DeadList } from './api.ts'
import type { DeadChoice, DeadSource } from './sources.ts'

export interface DeadDeps {
  /** Folder of the queue. */
  readonly path: string
  readonly log: { info(fields: object, message: string): void }
}

const iso = (ms: number): string => new Date(ms).toISOString()

function itemOf(one: DeadLetter): DeadItem {
  const mirrored = endpointOfMirror(one.destination)
  const status = /\bstatus(?: code)?:? (\d{3})\b/i.exec(one.message)?.[1]
  return {
    id: String(one.id),
    at: iso(one.diedAtMs),
    side: mirrored === undefined ? 'new' : 'old',
    destination: one.destination,
    endpoint: mirrored ?? endpointOf(one.format),
    format: one.format,
    reason: one.reason,
    ...(status === undefined ? {} : { status: Number(status) }),
    text: one.message,
    items: one.items,
    bytes: one.bytes,
  }
}

const matches =
  ({ side, reason, key }: DeadFilter) =>
  (one: DeadItem): boolean =>
    (side === undefined || one.side === side) &&
    (reason === undefined || one.reason === reason) &&
    (key === undefined || one.key === key || one.endpoint === key || one.format === key || one.destination === key)

function summary(items: readonly DeadItem[]): DeadList['byReason'] {
  const groups = new Map<string, { -readonly [K in keyof DeadList['byReason'][number]]: DeadList['byReason'][number][K] }>()
  for (const one of items) {
    const key = `${one.side}\n${one.reason}`
    const found = groups.get(key)
    if (found === undefined) {
      const { side, reason, text, at } = one
      groups.set(key, { side, reason, text, batches: 1, items: one.items, first: at, last: at })
      continue
    }
    found.batches++
    found.items += one.items
    if (one.at < found.first) found.first = one.at
    if (one.at > found.last) found.last = one.at
  }
  return [...groups.values()].sort((a, b) => b.items - a.items)
}

/** Opens the store at each call and closes it: nobody looks at dead letters often, and a database that is open is memory. */
export function createDeadSource({ path, log }: DeadDeps): DeadSource {
  const within = <T>(use: (store: StoreInspection) => T): T => {
    const store = openStoreForInspection(path)
    try {
      return use(store)
    } finally {
      store.close()
    }
  }
  const newestFirst = (store: StoreInspection): DeadItem[] => store.list().map(itemOf).reverse()
  const chosen = (store: StoreInspection, { ids, filter, limit }: DeadChoice): number[] => {
    const wanted = new Set(ids)
    const found = newestFirst(store).filter(ids === undefined ? matches(filter ?? {}) : (one) => wanted.has(one.id))
    // The oldest first: they have waited longest.
    return found
      .reverse()
      .slice(0, limit)
      .map((one) => Number(one.id))
  }
  return {
    list: (filter, cursor, limit) =>
      within((store) => {
        const all = newestFirst(store)
        const found = all.filter(matches(filter))
        const from = cursor === undefined ? 0 : found.findIndex((one) => Number(one.id) < Number(cursor))
        const items = from < 0 ? [] : found.slice(from, from + limit)
        const last = items.at(-1)
        const more = from >= 0 && from + limit < found.length
        return {
          items,
          ...(more && last !== undefined ? { next: last.id } : {}),
          total: found.length,
          truncated: false,
          byReason: summary(all),
        }
      }),
    show: (id) => within((store) => newestFirst(store).find((one) => one.id === id)),
    raw: (id) =>
      within((store) => {
        const letter = store.show(Number(id))
        if (letter === undefined) return undefined
        if (!letter.intact) throw new BridgeError('OB_INPUT', `cannot give dead letter ${id}: its checksum does not hold`)
        const name = `dead-letter-${letter.id}-${letter.signal}.bin`
        // The body alone: headers hold credentials of the client.
        if (isMirror(letter.destination)) return { data: decodeEnvelope(letter.data).body, media: 'application/octet-stream', name }
        return { data: letter.data, media: 'application/x-protobuf', name }
      }),
    count: (choice) => within((store) => chosen(store, choice).length),
    retry: (choice, who) =>
      within((store) => {
        const batches = store.retry(chosen(store, choice))
        log.info({ who, batches }, 'dead letters put back into the queue')
        return batches
      }),
    drop: (choice, who) =>
      within((store) => {
        const batches = store.drop(chosen(store, choice))
        log.info({ who, batches }, 'dead letters deleted')
        return batches
      }),
  }
}
