/**
 * Traces encoded span by span, as they come: of a large page no span stays an object, which the collector would have to carry about.
 * The result is, byte for byte, what `encodeTraces` makes of the whole.
 */

import type { SpanGroups } from '../batch.ts'
import type { Span } from '../model.ts'
import { createChunkPool, freeNow, ownsChunk } from './chunks.ts'
import { endResourceSpans, endScopeSpans, writeSpan } from './traces.ts'
import { ReverseWriter } from './writer.ts'

/** Lengths and names around the spans of one scope, roughly. */
const frameBytes = 256

export class TraceStream {
  /** A span's number stands for it, counted from 0. */
  readonly resourceSpans: SpanGroups<number>[] = []
  private readonly spans = new ReverseWriter(createChunkPool(0))
  /** Bytes of all spans up to each one, itself included. */
  private written = new Int32Array(1024)
  private count = 0

  /** Begins anew; what was not finished is forgotten. @param expectedBytes see ReverseWriter.begin */
  begin(expectedBytes: number): void {
    this.resourceSpans.length = 0
    this.count = 0
    this.spans.begin(expectedBytes)
  }

  /** Encodes a span; its number. */
  readonly take = (span: Span): number => {
    const { spans, count } = this
    writeSpan(spans, span)
    if (count === this.written.length) {
      const more = new Int32Array(count * 2)
      more.set(this.written)
      this.written = more
    }
    this.written[count] = spans.written()
    this.count++
    return count
  }

  /** The request, written by `writer`: spans stand where their groups say. */
  finish(writer: ReverseWriter): Uint8Array {
    const { resourceSpans, written } = this
    const source = this.spans.finish()
    const view = new DataView(source.buffer, source.byteOffset, source.byteLength)
    let frames = 64
    for (const { scopeSpans } of resourceSpans) frames += frameBytes * (scopeSpans.length + 1)
    writer.begin(source.length + frames)
    for (let i = resourceSpans.length - 1; i >= 0; i--) {
      const { attributes, scopeSpans } = resourceSpans[i] as SpanGroups<number>
      const beforeAll = writer.written()
      for (let j = scopeSpans.length - 1; j >= 0; j--) {
        const { spans, scopeName, scopeVersion } = scopeSpans[j] as SpanGroups<number>['scopeSpans'][number]
        const before = writer.written()
        for (let k = spans.length - 1; k >= 0; k--) {
          const span = spans[k] as number
          // What was written first stands last.
          const start = source.length - (written[span] as number)
          const end = source.length - (span === 0 ? 0 : (written[span - 1] as number))
          writer.ensure(end - start)
          writer.copy(view, start, end)
        }
        endScopeSpans(writer, scopeName, scopeVersion, before)
      }
      endResourceSpans(writer, attributes, beforeAll)
    }
    if (ownsChunk(source) && source.buffer instanceof ArrayBuffer) freeNow(source.buffer)
    return writer.finish()
  }
}
