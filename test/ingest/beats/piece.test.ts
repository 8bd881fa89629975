import { describe, expect, it } from 'vitest'
import { createPieceMemory, Piece } from '../../../src/ingest/beats/piece.ts'
import { dataFrame } from '../../support/lumberjack.ts'

const none = new Uint8Array(0)
const members = Buffer.from('"network.peer.address":"192.0.2.1",')

const textOf = (piece: Piece, at: number): string => Buffer.from(piece.bytes.subarray(piece.starts[at], piece.ends[at])).toString('latin1')

const json = (text: string, added: Uint8Array = none): string => {
  const piece = new Piece(createPieceMemory(), added)
  const bytes = Buffer.from(`before${text}behind`)
  piece.addJson(bytes, 6, bytes.length - 6)
  return textOf(piece, 0)
}

const pairs = (list: readonly (readonly [string, string | Uint8Array])[], added: Uint8Array = none): string => {
  const piece = new Piece(createPieceMemory(), added)
  const frame = dataFrame(1, list)
  piece.addPairs(frame, 10, frame.length)
  return textOf(piece, 0)
}

describe('Piece', () => {
  it('keeps documents one after the other', () => {
    const piece = new Piece(createPieceMemory(), none)
    const texts = Array.from({ length: 3000 }, (_, at) => `{"n":${at}}`)
    for (const text of texts) piece.addJson(Buffer.from(text), 0, text.length)
    expect(piece.documents).toBe(3000)
    expect(texts.map((_, at) => textOf(piece, at))).toEqual(texts)
    piece.clear()
    expect([piece.documents, piece.length, piece.bytes.length]).toEqual([0, 0, 0])
  })

  it('uses memory of a large piece again', () => {
    const memory = createPieceMemory()
    const piece = new Piece(memory, none)
    const text = Buffer.from(`"${'x'.repeat(200_000)}"`)
    piece.addJson(text, 0, text.length)
    const first = piece.bytes
    piece.clear()
    piece.addJson(text, 0, text.length)
    expect(piece.bytes).toBe(first)
  })

  it.each([
    ['{"a":1}', '{"network.peer.address":"192.0.2.1","a":1}'],
    [' \n{ "a":1}', ' \n{"network.peer.address":"192.0.2.1", "a":1}'],
    ['{}', '{"network.peer.address":"192.0.2.1"}'],
    ['{ }', '{"network.peer.address":"192.0.2.1" }'],
    ['[1]', '[1]'],
    ['no JSON', 'no JSON'],
  ])('adds members to %s', (text, expected) => expect(json(text, members)).toBe(expected))

  it.each(['{"a":1}', ' {oops', '{}', 'oops'])('gives %s back as it was', (text) => {
    const piece = new Piece(createPieceMemory(), members)
    piece.addJson(Buffer.from(text), 0, text.length)
    const start = piece.bareStart(0)
    expect(Buffer.from(piece.bytes.subarray(start, piece.ends[0])).toString()).toBe(text)
  })

  it('makes a document of the pairs of version 1', () => {
    const text = pairs([
      ['line', 'GET / "quoted" \\ \t'],
      ['file', '/var/log/a.log'],
      ['offset', '17'],
      ['a.b', 'dots stay'],
      ['host', 'h'],
    ])
    expect(JSON.parse(text)).toEqual({
      '@version': '1',
      message: 'GET / "quoted" \\ \t',
      path: '/var/log/a.log',
      offset: '17',
      'a.b': 'dots stay',
      host: 'h',
    })
  })

  it('renames nothing onto a name that is there', () => {
    const list = [
      ['line', 'l'],
      ['message', 'm'],
      ['file', 'f'],
      ['path', 'p'],
      ['@version', '2'],
    ] as const
    expect(JSON.parse(pairs(list))).toEqual(Object.fromEntries(list))
  })

  it('adds members to pairs', () =>
    expect(JSON.parse(pairs([['line', 'l']], members))).toMatchObject({ 'network.peer.address': '192.0.2.1' }))

  it('leaves bytes of pairs that are no UTF-8 as they are', () => {
    expect(pairs([['line', Buffer.from([0x61, 0xff, 0x00])]])).toBe('{"@version":"1","message":"a\xff\\u0000"}')
  })
})
