/** Items of a `_bulk` that the old side refused for good: their lines, gathered to requests of their own. */

import type { DeadBody, DeadItem } from './outcome.ts'

export interface DeadLines {
  /** @param lines copied @param isItem the books count it: nothing is that changes or deletes */
  add(item: DeadItem, lines: Uint8Array, isItem: boolean): void
  /** The first of them. */
  readonly named: readonly DeadItem[]
  /** All of them, by status, in their order. */
  bodies(): DeadBody[]
}

/** Items of one request that are named to the operator. */
export const maxNamed = 50

/** Items that the message of a dead letter names. */
const namedInMessage = 5

/** A body longer than this is followed by another. */
const maxBodyBytes = 4 * 2 ** 20

interface Gathering {
  readonly status: number
  readonly pieces: Uint8Array[]
  readonly said: string[]
  bytes: number
  lines: number
  items: number
}

const newline = new Uint8Array([0x0a])

const say = ({ index, id, error, from, to }: DeadItem): string =>
  `index ${index || '?'}, _id ${id ?? '?'}, bytes ${from} to ${to}: ${error}`

/** Creates it, empty. */
export function createDeadLines(): DeadLines {
  const named: DeadItem[] = []
  const all: Gathering[] = []
  const open = new Map<number, Gathering>()
  return {
    named,
    add(item, lines, isItem) {
      if (named.length < maxNamed) named.push(item)
      let into = open.get(item.status)
      if (into === undefined || into.bytes + lines.length > maxBodyBytes) {
        into = { status: item.status, pieces: [], said: [], bytes: 0, lines: 0, items: 0 }
        open.set(item.status, into)
        all.push(into)
      }
      into.pieces.push(new Uint8Array(lines))
      if (lines[lines.length - 1] !== 0x0a) into.pieces.push(newline)
      into.bytes += lines.length
      into.lines++
      if (isItem) into.items++
      if (into.said.length < namedInMessage) into.said.push(say(item))
    },
    bodies: () =>
      all.map(({ status, pieces, said, lines, items }) => {
        const more = lines > said.length ? `; and ${lines - said.length} more` : ''
        const what = lines === 1 ? 'an item' : `${lines} items`
        const message = `the old side refused ${what} with ${status} of a request that it took otherwise: ${said.join('; ')}${more}`
        return { status, items, body: Buffer.concat(pieces), message }
      }),
  }
}
