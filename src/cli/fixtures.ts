/** The recorded requests of `fixtures/`: what the demo sends, and what must come out. */

import { readdir, readFile } from 'node:fs/promises'

/** One case: a request as a client sent it, and the spans that must arrive. */
export interface Fixture {
  /** `zipkin/brave-6` */
  readonly name: string
  /** Format label it is counted as. */
  readonly format: string
  /** Name of the endpoint it goes to: `zipkin`, `jaeger.http`, `jaeger.compact`, … */
  readonly endpoint: string
  /** For HTTP; calls and datagrams have none. */
  readonly path: string | undefined
  /** For gRPC: the method's path. */
  readonly grpc: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /** `traceId/spanId` in hex of every span in `out.json`. A shared span stands there twice. */
  readonly spans: readonly string[]
}

interface RequestFile {
  readonly format: string
  readonly endpoint: string
  readonly path?: string
  readonly grpc?: string
  readonly headers?: Readonly<Record<string, string>>
}

interface OutFile {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly { traceId: string; spanId: string }[] }[] }[]
}

const folder = new URL('../../fixtures/', import.meta.url)

const readJson = async (url: URL): Promise<unknown> => JSON.parse(await readFile(url, 'utf8'))

async function readFixture(format: string, name: string): Promise<Fixture> {
  const at = new URL(`${format}/${name}/`, folder)
  const files = await readdir(at)
  const input = files.find((file) => file.startsWith('in.')) ?? 'in.bin'
  const request = (await readJson(new URL('request.json', at))) as RequestFile
  const out = (await readJson(new URL('out.json', at))) as OutFile
  return {
    name: `${format}/${name}`,
    format: request.format,
    endpoint: request.endpoint,
    path: request.path,
    grpc: request.grpc,
    headers: request.headers ?? {},
    body: await readFile(new URL(input, at)),
    spans: out.resourceSpans.flatMap((resource) =>
      resource.scopeSpans.flatMap((scope) => scope.spans.map((span) => `${span.traceId}/${span.spanId}`)),
    ),
  }
}

/** Reads every case below `zipkin` and `jaeger`, in the order of their names. */
export async function readFixtures(formats: readonly string[] = ['zipkin', 'jaeger']): Promise<Fixture[]> {
  const fixtures: Fixture[] = []
  for (const format of formats) {
    for (const name of (await readdir(new URL(`${format}/`, folder))).sort()) fixtures.push(await readFixture(format, name))
  }
  return fixtures
}
