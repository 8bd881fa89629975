import { describe, expect, it } from 'vitest'
import { textValue } from '../../../src/otlp/attributes.ts'
import { createSpanGroups, type SpanGroups } from '../../../src/otlp/batch.ts'
import { TraceStream } from '../../../src/otlp/encode/trace-stream.ts'
import { encodeTraces } from '../../../src/otlp/encode/traces.ts'
import { ReverseWriter } from '../../../src/otlp/encode/writer.ts'
import { createKey } from '../../../src/otlp/keys.ts'
import { noEvents, noLinks, type Span } from '../../../src/otlp/model.ts'

const service = createKey('service.name')
const note = createKey('note')

const spanOf = (number: number, text: string): Span => ({
  trace0: 1,
  trace1: 2,
  trace2: 3,
  trace3: number,
  span0: 4,
  span1: number,
  parent0: 0,
  parent1: 0,
  traceState: '',
  flags: 1,
  name: `span ${number}`,
  kind: 2,
  startHi: 0,
  startLo: number,
  endHi: 0,
  endLo: number + 1,
  attributes: [textValue(note, text)],
  droppedAttributesCount: 0,
  events: noEvents,
  droppedEventsCount: 0,
  links: noLinks,
  droppedLinksCount: 0,
  statusCode: 0,
  statusMessage: '',
})

/** Spans of three services and two scopes, by turns. */
function fill<T>(count: number, length: number, resourceSpans: SpanGroups<T>[], take: (span: Span) => T): void {
  for (let i = 0; i < count; i++) {
    const at = (i * 7) % 3
    while (resourceSpans.length <= at) resourceSpans.push(createSpanGroups<T>([textValue(service, `service ${resourceSpans.length}`)]))
    resourceSpans[at]?.add(take(spanOf(i, 'x'.repeat(length))), i % 5 === 0 ? 'scope' : '', '')
  }
}

function bothWays(stream: TraceStream, count: number, length: number, expected: number): readonly [streamed: string, whole: string] {
  const resourceSpans: SpanGroups[] = []
  fill(count, length, resourceSpans, (span) => span)
  stream.begin(expected)
  fill(count, length, stream.resourceSpans, stream.take)
  const streamed = stream.finish(new ReverseWriter())
  return [Buffer.from(streamed).toString('hex'), Buffer.from(encodeTraces({ resourceSpans }, new ReverseWriter(), 0)).toString('hex')]
}

describe('TraceStream', () => {
  it.each([
    ['nothing', 0, 0, 0],
    ['one span', 1, 10, 0],
    ['a few, guessed too large', 5, 10, 100_000],
    ['many, guessed too small', 3000, 50, 100],
    ['long ones', 4, 100_000, 1000],
  ])('gives what encodeTraces gives: %s', (_, count, length, expected) => {
    const [streamed, whole] = bothWays(new TraceStream(), count, length, expected)
    expect(streamed).toBe(whole)
  })

  it('begins anew, whether the last one was finished or not', () => {
    const stream = new TraceStream()
    for (const count of [3, 2000, 0, 7]) {
      stream.begin(500)
      fill(4, 100, stream.resourceSpans, stream.take)
      const [streamed, whole] = bothWays(stream, count, 20, 40_000)
      expect(streamed).toBe(whole)
    }
  })

  it('leaves what it gave alone', () => {
    const stream = new TraceStream()
    const given: [bytes: Uint8Array, hex: string][] = []
    const writer = new ReverseWriter()
    for (let i = 0; i < 20; i++) {
      stream.begin(i * 5000)
      fill(i * 20, 30, stream.resourceSpans, stream.take)
      const bytes = stream.finish(writer)
      given.push([bytes, Buffer.from(bytes).toString('hex')])
    }
    for (const [bytes, hex] of given) expect(Buffer.from(bytes).toString('hex')).toBe(hex)
  })
})
