/**
 * UI JSON → the Jaeger model: what the query API answers and what "download results" saves.
 *
 *     {"data": [Trace], "total", "limit", "offset", "errors"}   one bare Trace   a list of Traces   a list of Spans
 *     Trace  traceID  spans  processes {id: Process}  warnings
 */

import { BridgeError } from '../../errors.ts'
import type { KeyTable } from '../../otlp/keys.ts'
import type { JaegerProcess, JaegerSpan } from '../../translate/jaeger/model.ts'
import { isJsonObject, JsonReader } from '../exact-json.ts'
import type { DecodeLimits } from '../limits.ts'
import { createJsonSpanReader, type JsonSpan } from './decode-json.ts'
import { createJsonFindings, type JsonBatch, type JsonFindings, type TagOrigins } from './json-findings.ts'
import { jsonLimitsOf } from './json-limits.ts'

/** Reads a document. Throws OB_DECODE_JSON and OB_LIMIT_*; one span that cannot be read does not cost the others. */
export type UiJsonDecoder = (body: Uint8Array, origins?: TagOrigins) => JsonBatch

/** What one document has given so far. */
interface Reading {
  readonly reader: JsonReader
  readonly findings: JsonFindings
  readonly spans: JaegerSpan[]
}

/** Creates the decoder; `keys` is made with `jaegerRoleOf` and kept between documents. */
export function createUiJsonDecoder(keys: KeyTable, limits: DecodeLimits): UiJsonDecoder {
  const jsonLimits = jsonLimitsOf(limits)
  const spanReader = createJsonSpanReader(keys, limits, { binary: 'base64', fieldKey: undefined })

  const readSpan = ({ reader, findings }: Reading, index: number): JsonSpan => {
    spanReader.bounds.spans(index + 1)
    reader.kind()
    const { at } = reader
    return spanReader.span(reader.value(), index, at, findings)
  }

  /** Spans of a trace; their processes may stand behind them. */
  const readTrace = (reading: Reading): void => {
    const { reader, findings, spans } = reading
    const waiting: JsonSpan[] = []
    const processes = new Map<string, JaegerProcess>()
    reader.object((key) => {
      if (key === 'spans' && reader.kind() === 'array') {
        reader.array(() => waiting.push(readSpan(reading, spans.length + waiting.length)))
      } else if (key === 'processes' && reader.kind() === 'object') {
        reader.object((id) => {
          const source = reader.value()
          if (isJsonObject(source)) processes.set(id, spanReader.process(source, findings))
          else findings.note('process_unreadable')
        })
      } else if (key === 'warnings' && reader.kind() === 'array') {
        reader.array(() => {
          reader.skip()
          findings.note('trace_warning')
        })
      } else reader.skip()
    })
    for (const { span, processId } of waiting) {
      const process = span.process ?? (processId === undefined ? undefined : processes.get(processId))
      if (process === undefined && span.invalid === undefined) findings.note('process_missing')
      spans.push({ ...span, process })
    }
  }

  const readList = (reading: Reading): void => {
    const { reader, spans } = reading
    reader.array(() => {
      if (reader.kind() === 'object' && reader.has('spans')) readTrace(reading)
      else spans.push(readSpan(reading, spans.length).span)
    })
  }

  const readEnvelope = (reading: Reading): void => {
    const { reader } = reading
    let failed = false
    reader.object((key) => {
      if (key === 'data' && reader.kind() === 'array') readList(reading)
      else if (key === 'errors' && reader.kind() === 'array') {
        reader.array(() => {
          reader.skip()
          failed = true
        })
      } else reader.skip()
    })
    if (failed && reading.spans.length === 0) {
      throw new BridgeError('OB_DECODE_JSON', 'cannot read traces: the document holds an error of the query API and no trace')
    }
  }

  return (body, origins) => {
    keys.renew()
    const reader = new JsonReader(body, jsonLimits)
    const reading: Reading = { reader, findings: createJsonFindings(origins), spans: [] }
    if (reader.kind() === 'array') readList(reading)
    else if (reader.kind() !== 'object') reader.fail('a trace, or a list of traces or spans, is expected')
    else if (reader.has('spans')) readTrace(reading)
    else if (reader.has('data')) readEnvelope(reading)
    else reader.fail('neither `data` nor `spans` is in the object')
    reader.finish()
    return reading.findings.batch(reading.spans, 1000)
  }
}
