/** The explicit list of ways in. A new format is one entry in each list below; nothing registers itself. */

import { z } from 'zod'
import type { ChunkPool } from '../otlp/encode/chunks.ts'
import { jaegerTranslateConfig } from '../translate/jaeger/config.ts'
import { zipkinTranslateConfig } from '../translate/zipkin/config.ts'
import type { AdapterDeps, BodyTranslator, Listener } from './adapter.ts'
import { startAgentPort } from './jaeger/agent.ts'
import { createClientStats } from './jaeger/client-stats.ts'
import { startJaegerHttp } from './jaeger/collector-http.ts'
import { type JaegerConfig, jaegerConfig, jaegerEndpoints } from './jaeger/config.ts'
import { startJaegerHealth } from './jaeger/health.ts'
import { createJaegerTranslators, type JaegerTranslators } from './jaeger/translators.ts'
import { type DecodeLimits, defaultDecodeLimits } from './limits.ts'
import type { Pages } from './pages.ts'
import { decodeLimitsOf } from './schema.ts'
import { type ZipkinConfig, zipkinConfig } from './zipkin/config.ts'
import { startZipkin } from './zipkin/routes.ts'
import { createZipkinTranslators, type ZipkinTranslators } from './zipkin/translators.ts'

/** Section `ingest`: an absent key is an endpoint that is not started. */
export const ingestConfig = z
  .strictObject({ zipkin: zipkinConfig.optional(), jaeger: jaegerConfig.optional() })
  .describe('The legacy endpoints. Without this section all of them are started on localhost; with it only those named.')

export type IngestConfig = z.output<typeof ingestConfig>

/** Section `translate`: what changes the OTLP that comes out, by legacy format. */
export const translateConfig = z
  .strictObject({
    semconv: z
      .enum(['stable', 'legacy', 'both'])
      .default('stable')
      .describe(
        'Attribute names where the semantic conventions changed them. stable: network.peer.address and its like; legacy: net.peer.ip, net.peer.port, net.host.ip, net.host.port; both: each under both names, while dashboards move over.',
      ),
    zipkin: zipkinTranslateConfig.prefault({}),
    jaeger: jaegerTranslateConfig.prefault({}),
  })
  .prefault({})
  .describe('How legacy data becomes OTLP.')

export type TranslateConfig = z.output<typeof translateConfig>

/** What starting endpoints needs beside their sections. */
export interface IngestContext extends AdapterDeps {
  readonly pages: Pages
  readonly translate: TranslateConfig
}

/** A started endpoint: its name in `interface.md` (`zipkin`, `jaeger.compact`) and its listener. */
export interface Endpoint {
  readonly name: string
  readonly listener: Listener
}

/** Everything `ingest` means when the file does not have it. */
export const everyEndpoint = (): IngestConfig => ({ zipkin: zipkinConfig.parse({}), jaeger: jaegerConfig.parse({}) })

type Start = () => Promise<Listener>

const zipkinStarts = (config: ZipkinConfig, context: IngestContext): readonly (readonly [string, Start])[] => {
  const translators = zipkinTranslators(context, decodeLimitsOf(config.limits), config.strict)
  return [['zipkin', () => startZipkin(config, translators, context.pages, context)]]
}

const jaegerStarts = (config: JaegerConfig, context: IngestContext): readonly (readonly [string, Start])[] => {
  const onClientStats = createClientStats(context)
  const translators = (limits: DecodeLimits): JaegerTranslators => jaegerTranslators(context, limits, onClientStats)
  const endpoints = jaegerEndpoints(config)
  const { http, health } = endpoints
  const starts: [string, Start][] = []
  if (http !== undefined) {
    starts.push(['jaeger.http', () => startJaegerHttp(http, translators(decodeLimitsOf(http.limits)).httpBinary, context)])
  }
  for (const name of ['compact', 'binary', 'zipkin'] as const) {
    const port = endpoints[name]
    if (port === undefined) continue
    starts.push([`jaeger.${name}`, () => startAgentPort(name, port, translators(decodeLimitsOf(port.limits)).agent, context)])
  }
  if (health !== undefined) starts.push(['jaeger.health', () => startJaegerHealth(health, context.pages, context)])
  return starts
}

/** What all translators are made with; files have no pool. */
interface Means {
  readonly translate: TranslateConfig
  readonly chunks?: ChunkPool | undefined
}

const zipkinTranslators = ({ translate, chunks }: Means, limits: DecodeLimits, strict = false): ZipkinTranslators =>
  createZipkinTranslators({ limits, translate: translate.zipkin, names: translate.semconv, strict, chunks })

/** Agent ports carry Zipkin spans too: Jaeger is handed Zipkin's translator here, so that no format imports a sibling. */
function jaegerTranslators(
  means: Means,
  limits: DecodeLimits,
  onClientStats?: Parameters<typeof createJaegerTranslators>[0]['onClientStats'],
): JaegerTranslators {
  const { thriftList } = zipkinTranslators(means, limits)
  return createJaegerTranslators({ limits, translate: means.translate.jaeger, zipkinList: thriftList, chunks: means.chunks, onClientStats })
}

/** Starts every endpoint of the section, in order. All or nothing: when one throws, those before it are stopped and it is thrown on. */
export async function startIngest(config: IngestConfig, context: IngestContext): Promise<readonly Endpoint[]> {
  const starts = [
    ...(config.zipkin === undefined ? [] : zipkinStarts(config.zipkin, context)),
    ...(config.jaeger === undefined ? [] : jaegerStarts(config.jaeger, context)),
  ]
  const endpoints: Endpoint[] = []
  try {
    for (const [name, start] of starts) endpoints.push({ name, listener: await start() })
  } catch (error) {
    await Promise.all(endpoints.map(({ listener }) => listener.stop(0)))
    throw error
  }
  return endpoints
}

/** What `otlp-bridge translate --from` takes, each with the maker of its translator. */
export const fileTranslators = {
  'zipkin-json': (means, limits) => zipkinTranslators(means, limits).json,
  'zipkin-proto': (means, limits) => zipkinTranslators(means, limits).v2Proto,
  'zipkin-thrift': (means, limits) => zipkinTranslators(means, limits).v1Thrift,
  'jaeger-thrift-binary': (means, limits) => jaegerTranslators(means, limits).httpBinary,
  'jaeger-thrift-compact': (means, limits) => jaegerTranslators(means, limits).batchCompact,
} as const satisfies Record<string, (means: Means, limits: DecodeLimits) => BodyTranslator>

export type FileFormat = keyof typeof fileTranslators

/** The translator of one file format. @param limits the defaults of the endpoints unless given */
export function createFileTranslator(
  format: FileFormat,
  translate: TranslateConfig,
  limits: DecodeLimits = defaultDecodeLimits,
): BodyTranslator {
  return fileTranslators[format]({ translate }, limits)
}
