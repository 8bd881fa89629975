/** Bytes → why their OTLP is what it is, for Jaeger's forms in files. The same decoders as in `translators.ts`, and the same translator. */

import { createKeyTable } from '../../otlp/keys.ts'
import type { ExplainedItem, Explanation } from '../../translate/explain.ts'
import type { JaegerTranslateConfig } from '../../translate/jaeger/config.ts'
import { explainJaeger } from '../../translate/jaeger/explain.ts'
import { createFieldKey } from '../../translate/jaeger/field-keys.ts'
import { jaegerRoleOf } from '../../translate/jaeger/keys.ts'
import type { JaegerEncoding } from '../../translate/jaeger/leaves.ts'
import type { JaegerBatch } from '../../translate/jaeger/model.ts'
import type { BodyExplainer } from '../adapter.ts'
import type { DecodeLimits } from '../limits.ts'
import { BinaryReader, CompactReader } from '../thrift.ts'
import { createEsDecoder } from './decode-es.ts'
import { createJsonpbDecoder } from './decode-jsonpb.ts'
import { createJaegerProtoDecoder } from './decode-proto.ts'
import { createThriftBatchDecoder } from './decode-thrift.ts'
import { createUiJsonDecoder } from './decode-ui-json.ts'
import type { JsonBatch, TagOrigins } from './json-findings.ts'
import { jaegerOptionsOf } from './translators.ts'

export interface JaegerExplainers {
  readonly httpBinary: BodyExplainer
  readonly batchCompact: BodyExplainer
  readonly postSpans: BodyExplainer
  readonly protoSpan: BodyExplainer
  readonly uiJson: BodyExplainer
  readonly esJson: BodyExplainer
  readonly jsonSpan: BodyExplainer
}

/** The decoder's own words where a span could not be read, and what it noticed. */
function withFindings(explanation: Explanation, { notes, faults }: JsonBatch): Explanation {
  const items = function* (): Generator<ExplainedItem> {
    for (const item of explanation.items) {
      const { rejected, index } = item
      const text = rejected === undefined ? undefined : faults.get(rejected.reason)
      yield rejected === undefined || !text?.startsWith(`span ${index} `) ? item : { ...item, rejected: { ...rejected, example: text } }
    }
  }
  const noticed = [...notes].map(([reason, count]) => ({ reason, count }))
  return { ...explanation, items: items(), notes: [...explanation.notes, ...noticed] }
}

export function createJaegerExplainers(config: JaegerTranslateConfig, limits: DecodeLimits): JaegerExplainers {
  const keys = createKeyTable(jaegerRoleOf)
  const options = jaegerOptionsOf(config)
  const { dotReplacement, wellKnown } = config.tagsAsFields
  const decodeThrift = createThriftBatchDecoder(keys, limits)
  const decodeProto = createJaegerProtoDecoder(keys, limits)
  const ui = createUiJsonDecoder(keys, limits)
  const es = createEsDecoder(keys, limits, createFieldKey(dotReplacement, wellKnown))
  const jsonpb = createJsonpbDecoder(keys, limits)

  const explain =
    (decode: (body: Uint8Array) => JaegerBatch, encoding: JaegerEncoding): BodyExplainer =>
    (body) =>
      explainJaeger(decode(body), options, encoding)

  const json =
    (decode: (body: Uint8Array, origins: TagOrigins) => JsonBatch): BodyExplainer =>
    (body) => {
      const origins: TagOrigins = new Map()
      const decoded = decode(body, origins)
      return withFindings(explainJaeger(decoded.batch, options, 'json', origins), decoded)
    }

  return {
    httpBinary: explain((body) => decodeThrift(new BinaryReader(body)), 'thrift'),
    batchCompact: explain((body) => decodeThrift(new CompactReader(body)), 'thrift'),
    postSpans: explain((body) => decodeProto.postSpans(body), 'proto'),
    protoSpan: explain((body) => decodeProto.span(body), 'proto'),
    uiJson: json(ui),
    esJson: json(es),
    jsonSpan: json(jsonpb),
  }
}
