/** The actions of a `_bulk` body that is never whole in memory. */

import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib'
import { type BulkAction, bulkActions } from './bulk-lines.ts'

/** An action with its lines. */
export interface ActionLines extends BulkAction {
  /** Its place in the body, from 0. */
  readonly number: number
  /** Its bytes, line ends included: a view, valid until the next is asked for. */
  readonly lines: Uint8Array
}

const decoderFor = (encoding: string, first: Uint8Array) => {
  switch (encoding) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip()
    case 'deflate': {
      const [one = 0, two = 0] = first
      // Some senders leave the head of zlib out.
      return (one & 0x0f) === 8 && ((one << 8) | two) % 31 === 0 ? createInflate() : createInflateRaw()
    }
    case 'zstd':
      return createZstdDecompress()
  }
  throw new Error(`Content-Encoding ${encoding} is not known here`)
}

/** The bytes of a body without its Content-Encoding. Throws for one that is not what it says. */
export async function* decodedPieces(encoding: string | undefined, pieces: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const coding = encoding?.trim().toLowerCase() ?? ''
  if (coding === '' || coding === 'identity') {
    yield* pieces
    return
  }
  const first = await pieces.next()
  if (first.done === true) return
  const decoder = decoderFor(coding, first.value)
  const all = async function* (): AsyncGenerator<Uint8Array> {
    yield first.value
    yield* pieces
  }
  // Its errors come out of the decoder, too.
  const done = pipeline(Readable.from(all(), { highWaterMark: 1 }), decoder).catch(() => undefined)
  try {
    yield* decoder
  } finally {
    decoder.destroy()
    await done
  }
}

/** All actions in a body without Content-Encoding, some at a time, in order. `from` and `to` are places in the body. */
export async function* actionsIn(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<readonly ActionLines[]> {
  let held: Uint8Array[] = []
  let offset = 0
  let number = 0
  const actionsOf = (bytes: Uint8Array, actions: readonly BulkAction[]): ActionLines[] =>
    actions.map(({ from, to, ...rest }) => ({
      ...rest,
      from: offset + from,
      to: offset + to,
      number: number++,
      lines: bytes.subarray(from, to),
    }))
  for await (const piece of pieces) {
    held.push(new Uint8Array(piece))
    // Long lines are joined once.
    if (!piece.includes(0x0a)) continue
    const bytes = Buffer.concat(held)
    const actions = bulkActions(bytes)
    // The last may go on in the next piece.
    const last = actions.pop()
    const end = last?.from ?? bytes.length
    if (actions.length > 0) yield actionsOf(bytes, actions)
    held = [bytes.subarray(end)]
    offset += end
  }
  const bytes = Buffer.concat(held)
  const actions = bulkActions(bytes)
  if (actions.length > 0) yield actionsOf(bytes, actions)
}
