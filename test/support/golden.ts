/** The cases of `fixtures/`: what goes in, what must come out. Used by the golden test and by the script that writes the expectations. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import type { BodyTranslator } from '../../src/ingest/adapter.ts'
import { createDocumentFile } from '../../src/ingest/elasticsearch/file.ts'
import { createFileTranslator, type FileFormat, signalOfFile, translateConfig } from '../../src/ingest/index.ts'
import { createJaegerTranslators } from '../../src/ingest/jaeger/translators.ts'
import { defaultDecodeLimits } from '../../src/ingest/limits.ts'
import { createZipkinTranslators } from '../../src/ingest/zipkin/translators.ts'
import { decodeTraces } from '../../src/otlp/decode/traces.ts'
import { tracesToPlain } from '../../src/otlp/encode/json.ts'
import type { Signal } from '../../src/otlp/intake.ts'
import { requestToJson } from '../../src/otlp/json/to-json.ts'
import { translateConnection } from './beats-connection.ts'

const root = fileURLToPath(new URL('../../fixtures/', import.meta.url))

/** Wall clock of every case: spans without a time get theirs from it. */
const receivedAtMs = Date.UTC(2025, 10, 21)

interface CaseRequest {
  readonly format: FileFormat | 'beats'
  /** Of a connection: the numbers its client waits for. */
  readonly acks?: readonly number[]
  readonly path?: string
  readonly grpc?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface GoldenCase {
  /** `zipkin/brave-6` */
  readonly name: string
  readonly folder: string
  readonly hasOrigin: boolean
  /** Texts of `out.json` and `drops.json` as they stand; undefined when missing. */
  readonly expected: { readonly out: string | undefined; readonly drops: string | undefined }
  /** The same texts as the code gives them now. */
  run(): Promise<{ readonly out: string; readonly drops: string }>
}

const agent = (): BodyTranslator => {
  const [limits, translate] = [defaultDecodeLimits, translateConfig.parse({})]
  const zipkinList = createZipkinTranslators({ limits, translate: translate.zipkin, strict: false }).thriftList
  return createJaegerTranslators({ limits, translate: translate.jaeger, zipkinList }).agent
}

/** Requests to `/{index}/_bulk` leave the index out of their actions. */
const bulkTo = (path: string): BodyTranslator =>
  createDocumentFile('es-bulk', {
    translate: translateConfig.parse({}).elasticsearch,
    fields: undefined,
    maxItems: defaultDecodeLimits.maxItems,
    index: /^\/([^/_][^/]*)\/_bulk/.exec(path)?.[1],
  })

async function translatorOf({ format, path, grpc }: CaseRequest): Promise<BodyTranslator> {
  if (format === 'beats') return translateConnection
  // What has no path and no method is a datagram.
  if (path === undefined && grpc === undefined) return agent()
  return format === 'es-bulk' ? bulkTo(path ?? '') : createFileTranslator(format, translateConfig.parse({}))
}

function plainOf(signal: Signal, data: Uint8Array): object {
  return signal === 'traces' ? tracesToPlain(decodeTraces(data)) : JSON.parse(Buffer.from(requestToJson(signal, data)).toString())
}

const textOf = (file: string): string | undefined => (existsSync(file) ? readFileSync(file, 'utf8') : undefined)

const print = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

function goldenCase(format: string, name: string): GoldenCase {
  const folder = `${root}${format}/${name}/`
  const input = readdirSync(folder).find((file) => file.startsWith('in.')) ?? 'in.bin'
  return {
    name: `${format}/${name}`,
    folder,
    hasOrigin: existsSync(`${folder}origin.md`),
    expected: { out: textOf(`${folder}out.json`), drops: textOf(`${folder}drops.json`) },
    async run() {
      const request = JSON.parse(readFileSync(`${folder}request.json`, 'utf8')) as CaseRequest
      const body = readFileSync(`${folder}${input}`)
      const plain = request.headers?.['content-encoding'] === 'gzip' ? gunzipSync(body) : body
      const translate = await translatorOf(request)
      const { items, data, drops, others = [] } = translate(plain, receivedAtMs)
      const signal = request.format === 'beats' ? 'logs' : signalOfFile(request.format)
      const own = others.length > 0 && items === 0 ? [] : [{ signal, data }]
      const out = Object.assign({}, ...[...own, ...others].map((one) => plainOf(one.signal, one.data)))
      return { out: print(out), drops: print(drops) }
    },
  }
}

const foldersIn = (path: string): string[] =>
  readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()

/** Every case of every format. */
export function goldenCases(): GoldenCase[] {
  return foldersIn(root).flatMap((format) => foldersIn(`${root}${format}`).map((name) => goldenCase(format, name)))
}
