/** The recorded requests of `fixtures/`: what the demo sends, and what must come out. */

import { readdir, readFile } from 'node:fs/promises'
import { packageRoot } from './package-root.ts'

/** One case: a request as a client sent it, and what must arrive. */
export interface Fixture {
  /** `zipkin/brave-6` */
  readonly name: string
  /** Format label it is counted as. */
  readonly format: string
  /** Name of the endpoint it goes to: `zipkin`, `jaeger.http`, `jaeger.compact`, … */
  readonly endpoint: string
  /** For HTTP; calls, datagrams and connections have none. */
  readonly path: string | undefined
  readonly method: string
  /** For a connection of Beats: the numbers that its client waits for. */
  readonly acks: readonly number[] | undefined
  /** For gRPC: the method's path. */
  readonly grpc: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** Items in the request. */
  readonly items: number
  /** What names every item of `out.json`, see {@link idsOf}. A shared span stands there twice. */
  readonly ids: readonly string[]
}

interface RequestFile {
  readonly format: string
  readonly endpoint: string
  readonly path?: string
  /** Absent: POST. */
  readonly method?: string
  readonly grpc?: string
  readonly acks?: readonly number[]
  readonly headers?: Readonly<Record<string, string>>
  /** Absent: as many as stand in `out.json`. */
  readonly items?: number
}

interface Points {
  readonly dataPoints: readonly { readonly timeUnixNano: string }[]
}

interface LogRecord {
  readonly timeUnixNano?: string
  readonly body?: object
}

type Metric = { readonly name: string } & { readonly [data in (typeof datas)[number]]?: Points }

/** An OTLP request in JSON, as far as names of items go. */
export interface OtlpJson {
  readonly resourceSpans?: readonly { readonly scopeSpans: readonly { readonly spans: readonly { traceId: string; spanId: string }[] }[] }[]
  readonly resourceMetrics?: readonly { readonly scopeMetrics: readonly { readonly metrics: readonly Metric[] }[] }[]
  readonly resourceLogs?: readonly { readonly scopeLogs: readonly { readonly logRecords: readonly LogRecord[] }[] }[]
}

const datas = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'] as const

const pointsOf = (metric: Metric): string[] =>
  datas.flatMap((data) => (metric[data]?.dataPoints ?? []).map(({ timeUnixNano }) => `${metric.name}@${timeUnixNano}`))

/** `traceId/spanId` of every span, `metric@time` of every point, time and body of every log record. */
export function idsOf({ resourceSpans = [], resourceMetrics = [], resourceLogs = [] }: OtlpJson): string[] {
  const spans = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans))
  const metrics = resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
  const logs = resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap((scope) => scope.logRecords))
  return [
    ...spans.map(({ traceId, spanId }) => `${traceId}/${spanId}`),
    ...metrics.flatMap(pointsOf),
    ...logs.map(({ timeUnixNano = '0', body = {} }) => `${timeUnixNano} ${JSON.stringify(body)}`),
  ]
}

const folder = new URL('fixtures/', packageRoot)

const readJson = async (url: URL): Promise<unknown> => JSON.parse(await readFile(url, 'utf8'))

async function readFixture(format: string, name: string): Promise<Fixture> {
  const at = new URL(`${format}/${name}/`, folder)
  const files = await readdir(at)
  const input = files.find((file) => file.startsWith('in.')) ?? 'in.bin'
  const request = (await readJson(new URL('request.json', at))) as RequestFile
  const ids = idsOf((await readJson(new URL('out.json', at))) as OtlpJson)
  return {
    name: `${format}/${name}`,
    format: request.endpoint === 'prometheus' ? 'prometheus' : request.format,
    endpoint: request.endpoint,
    path: request.path,
    method: request.method ?? 'POST',
    acks: request.acks,
    grpc: request.grpc,
    headers: request.headers ?? {},
    body: await readFile(new URL(input, at)),
    items: request.items ?? ids.length,
    ids,
  }
}

/** Whether all of a case is taken: those of which something is refused are there for tests. */
const isTaken = async (format: string, name: string): Promise<boolean> =>
  ((await readJson(new URL(`${format}/${name}/drops.json`, folder))) as unknown[]).length === 0

const allFormats = ['zipkin', 'jaeger', 'prometheus', 'elasticsearch', 'beats']

/** Reads every case below these folders of which all is taken, in the order of their names. */
export async function readFixtures(formats: readonly string[] = allFormats): Promise<Fixture[]> {
  const fixtures: Fixture[] = []
  for (const format of formats) {
    for (const name of (await readdir(new URL(`${format}/`, folder))).sort()) {
      if (await isTaken(format, name)) fixtures.push(await readFixture(format, name))
    }
  }
  return fixtures
}
