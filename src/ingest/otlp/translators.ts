/** OTLP bytes → the same OTLP bytes: protobuf goes on as it came, JSON becomes protobuf. */

import { createInspector, type Inspection } from '../../otlp/decode/inspect.ts'
import type { ChunkPool } from '../../otlp/encode/chunks.ts'
import type { Signal } from '../../otlp/intake.ts'
import { jsonToRequest } from '../../otlp/json/to-proto.ts'
import type { Note } from '../../translate/outcome.ts'
import type { BodyTranslator, OtlpTranslators, TranslatedBody } from '../adapter.ts'
import type { DecodeLimits } from '../limits.ts'

export interface OtlpTranslatorOptions {
  readonly limits: DecodeLimits
  /** Where requests get their memory. */
  readonly chunks?: ChunkPool | undefined
}

const nothing: readonly never[] = []
const noBytes = new Uint8Array(0)

/** From here on a request gets a chunk, which is given back after use; half of the smallest, or it would not own it. */
const chunkFrom = 8 * 1024

/** A copy that outlives the request it was read from. */
function keep(request: Uint8Array, chunks: ChunkPool | undefined): Uint8Array {
  if (chunks === undefined || request.length < chunkFrom) return new Uint8Array(request)
  const copy = new Uint8Array(chunks.take(request.length), 0, request.length)
  copy.set(request)
  return copy
}

const notesOf = ({ badIds }: Inspection): readonly Note[] => (badIds === 0 ? nothing : [{ reason: 'invalid_ids', count: badIds }])

/**
 * Creates the translators of every signal and encoding. Requests are walked to their last byte first (see
 * otlp/decode/inspect.ts); no item is dropped and none is judged: spans with ids that are none are noted as `invalid_ids`.
 */
export function createOtlpTranslators({ limits, chunks }: OtlpTranslatorOptions): OtlpTranslators {
  const of = (signal: Signal): { proto: BodyTranslator; json: BodyTranslator } => {
    const inspect = createInspector(signal, limits)
    const proto = (body: Uint8Array): TranslatedBody => {
      const found = inspect(body)
      const { items, services } = found
      return { received: items, items, data: items === 0 ? noBytes : keep(body, chunks), drops: nothing, notes: notesOf(found), services }
    }
    return { proto, json: (body) => proto(jsonToRequest(signal, body, limits.maxDepth)) }
  }
  const [traces, metrics, logs] = [of('traces'), of('metrics'), of('logs')]
  return {
    proto: { traces: traces.proto, metrics: metrics.proto, logs: logs.proto },
    json: { traces: traces.json, metrics: metrics.json, logs: logs.json },
  }
}
