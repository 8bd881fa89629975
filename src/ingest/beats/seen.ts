/** What those see who look at some of what comes in: a piece of a window. */

import type { Client } from '../../otlp/intake.ts'
import type { DocumentPart } from '../documents.ts'
import type { Seen } from '../observe.ts'
import { format } from './gather.ts'
import type { Piece } from './piece.ts'

const lineFeed = Buffer.from('\n')

/** Events of a piece, a line each, and what came of them. */
export function seenPiece(piece: Piece, parts: readonly DocumentPart[], client: Client, atMs: number): Seen {
  const [first] = parts
  const events = piece.starts.flatMap((start, at) => [piece.bytes.subarray(start, piece.ends[at]), lineFeed])
  return {
    endpoint: 'beats',
    format,
    signal: first?.signal ?? 'logs',
    atMs,
    client,
    request: '',
    headers: [],
    body: Buffer.concat(events),
    otlp: first?.data ?? new Uint8Array(0),
    items: first?.items ?? 0,
    refused: undefined,
  }
}
