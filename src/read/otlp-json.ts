/** OTLP/JSON as backends answer it: the shape that we rely on, checked; all else stays unknown. */

export type Json = Readonly<Record<string, unknown>>

export const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The objects of a list; none when it is no list. */
export const listOf = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isJson) : [])

/** A span with what it is under, all of it OTLP/JSON. */
export interface OtlpJsonSpan {
  readonly resource: Json
  readonly scope: Json
  readonly span: Json
}

/** Every span of `{resourceSpans}`, or of Tempo's `{batches}`. */
export function* otlpSpans(traces: unknown): Generator<OtlpJsonSpan, void, undefined> {
  if (!isJson(traces)) return
  for (const one of listOf(traces['resourceSpans'] ?? traces['batches'])) {
    const resource = isJson(one['resource']) ? one['resource'] : {}
    for (const group of listOf(one['scopeSpans'] ?? one['instrumentationLibrarySpans'])) {
      const scope = isJson(group['scope']) ? group['scope'] : {}
      for (const span of listOf(group['spans'])) yield { resource, scope, span }
    }
  }
}

const base64 = /^[A-Za-z0-9+/]+={0,2}$/

/** Ids as hex: Tempo writes them in base64, as plain protobuf JSON has bytes. @param digits 32 or 16 */
export function hexId(value: unknown, digits: 16 | 32): string {
  if (typeof value !== 'string' || value === '') return ''
  if (/^[0-9a-f]+$/i.test(value) && value.length <= digits) {
    // 24 or 12 characters of base64 hold 16 or 8 bytes, and always end with `=`.
    return value.toLowerCase().padStart(digits, '0')
  }
  return base64.test(value) ? Buffer.from(value, 'base64').toString('hex').padStart(digits, '0') : ''
}
