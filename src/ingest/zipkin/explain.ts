/** Bytes → why their OTLP is what it is, for Zipkin's forms in files. The same decoders as in `translators.ts`, and the same translator. */

import { createKeyTable } from '../../otlp/keys.ts'
import type { ZipkinTranslateConfig } from '../../translate/zipkin/config.ts'
import { explainZipkin } from '../../translate/zipkin/explain.ts'
import { createZipkinRoles } from '../../translate/zipkin/keys.ts'
import type { ZipkinEncoding } from '../../translate/zipkin/leaves.ts'
import type { ZipkinSpans } from '../../translate/zipkin/model.ts'
import type { SemconvNames } from '../../translate/zipkin/names.ts'
import type { BodyExplainer } from '../adapter.ts'
import type { DecodeLimits } from '../limits.ts'
import { BinaryReader } from '../thrift.ts'
import { createZipkinJsonDecoder } from './decode-json.ts'
import { createZipkinProtoDecoder } from './decode-proto.ts'
import { createZipkinThriftDecoder } from './decode-thrift.ts'

export interface ZipkinExplainers {
  readonly json: BodyExplainer
  readonly v2Proto: BodyExplainer
  readonly v1Thrift: BodyExplainer
}

export function createZipkinExplainers(
  config: ZipkinTranslateConfig,
  limits: DecodeLimits,
  names: SemconvNames = 'stable',
): ZipkinExplainers {
  const keys = createKeyTable(createZipkinRoles())
  const serviceNames = createKeyTable(() => 0, 1024)
  const decodeJson = createZipkinJsonDecoder(keys, serviceNames, limits)
  const decodeProto = createZipkinProtoDecoder(keys, serviceNames, limits)
  const decodeThrift = createZipkinThriftDecoder(keys, serviceNames, limits)

  const explain =
    (decode: (body: Uint8Array) => ZipkinSpans, encoding: ZipkinEncoding): BodyExplainer =>
    (body, receivedAtMs) =>
      explainZipkin(decode(body), config, receivedAtMs, encoding, names)

  return {
    json: explain((body) => decodeJson(body, { version: 2, detect: true }), 'json'),
    v2Proto: explain(decodeProto, 'proto'),
    v1Thrift: explain((body) => decodeThrift(new BinaryReader(body)), 'thrift'),
  }
}
