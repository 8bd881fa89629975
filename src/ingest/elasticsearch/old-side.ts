/** The old Elasticsearch, as requests with documents see it: what is wrapped for it, in how many parts, and how it is asked. 1.1 to 1.7 of the mapping. */

import type { IncomingMessage } from 'node:http'
import type { Envelope } from '../../otlp/intake.ts'
import { pathOf } from '../exchange.ts'
import type { Asked, LargeMirror, MirrorDoor, MirrorState, RequestHead } from '../mirror-door.ts'
import { peerOf } from '../peer.ts'
import { formatName } from './bulk-books.ts'
import { WireTap } from './wire-tap.ts'

/** What one request has to do with the old side. */
export interface OldRequest {
  /** As it was when the request came: a change of phase in the middle of it means the next one. */
  readonly state: MirrorState
  /** Its client is to get the old backend's answer, as long as that can be had. */
  readonly asks: boolean
  readonly tap: WireTap
  /**
   * The envelope of a body that is here whole; undefined when this one does not go to the old side. Its query is the client's where the old backend
   * answers it, and asks for the members that we read where we do.
   */
  wrap(pieces: readonly Uint8Array[], items: number, key: string | undefined, forClient: boolean): Envelope | undefined
  /** Envelopes of what came of a large body since the last call. @param items actions read since then */
  parts(items: number, key: string | undefined, last: boolean): readonly Envelope[]
  /** Asks the old backend while the client waits. Undefined when too much of memory waits so already: then we answer. */
  ask(envelope: Envelope): Promise<Asked> | undefined
  count(reason: string, items: number): void
}

export interface OldSide {
  /** Name of the queue's lane. */
  readonly name: string
  /** Undefined while the old side gets nothing. */
  begin(request: IncomingMessage, bulk: boolean): OldRequest | undefined
}

/** Bodies up to here are asked about; of larger ones the bridge gives the answer. */
export const askedBytes = 8 * 1024 * 1024

/** Bytes of all bodies that wait for the old backend's answer at once. */
const mostWaiting = 64 * 1024 * 1024

/** What we read of answers to our own queries. C-M9 */
const readMembers = 'filter_path=took,errors,items.*.status,items.*.error,items.*._index,items.*._id'

const nameOf = (parameter: string): string => {
  const [name = ''] = parameter.split('=', 1)
  if (!name.includes('%') && !name.includes('+')) return name
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return name
  }
}

/** A target whose answer we read: everything of the query stays but for `filter_path`. */
export function targetToRead(target: string): string {
  const mark = target.indexOf('?')
  if (mark < 0) return `${target}?${readMembers}`
  const left = target
    .slice(mark + 1)
    .split('&')
    .filter((one) => one !== '' && nameOf(one) !== 'filter_path')
  return `${target.slice(0, mark)}?${[...left, readMembers].join('&')}`
}

/** The target below the prefix: that of the old backend's own paths. */
export function targetBelow(url: string, prefix: string): string {
  const target = pathOf(url)
  if (prefix === '' || !target.startsWith(prefix)) return target
  const below = target.slice(prefix.length)
  return below.startsWith('/') ? below : `/${below}`
}

/** Creates it. @param prefix of our own paths */
export function createOldSide(door: MirrorDoor, prefix: string): OldSide {
  let waiting = 0

  const headOf = (request: IncomingMessage, target: string): RequestHead => ({
    kind: 'http',
    method: request.method ?? 'POST',
    target,
    headers: request.rawHeaders,
    address: peerOf(request.socket, door).address,
    connection: peerOf(request.socket, door).connection,
  })

  const ask = async (envelope: Envelope, bytes: number): Promise<Asked> => {
    waiting += bytes
    try {
      return await door.ask(envelope)
    } finally {
      waiting -= bytes
    }
  }

  return {
    name: door.name,
    begin(request, bulk) {
      const state = door.state()
      if (state.old === 'off') return undefined
      const target = targetBelow(request.url ?? '/', prefix)
      const tap = new WireTap()
      let large: LargeMirror | undefined
      let isLarge = false
      return {
        state,
        asks: state.answer === 'legacy',
        tap,
        wrap(pieces, items, key, forClient) {
          const head = headOf(request, bulk && !forClient ? targetToRead(target) : target)
          return door.wrap(head, pieces, { format: formatName, items, key })
        },
        parts(items, key, last) {
          if (!isLarge) large = door.wrapLarge(headOf(request, targetToRead(target)), { format: formatName, key })
          isLarge = true
          const blocks = last ? tap.rest() : tap.take()
          const made: Envelope[] = []
          for (const [at, block] of blocks.entries()) {
            // The items are in the last one, whatever is cut where.
            const isLast = last && at === blocks.length - 1
            const envelope = large?.part(block, at === blocks.length - 1 ? items : 0, isLast)
            if (envelope !== undefined) made.push(envelope)
          }
          tap.free(blocks)
          return made
        },
        ask(envelope) {
          const bytes = envelope.data.byteLength
          return waiting + bytes > mostWaiting ? undefined : ask(envelope, bytes)
        },
        count: (reason, items) => door.count(reason, items),
      }
    },
  }
}
