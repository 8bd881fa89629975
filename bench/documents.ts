/**
 * Bulk bodies of 500 ECS documents, as Filebeat or Logstash post them: what bare splitting into lines and `JSON.parse` cost, and what the bridge
 * makes of the same bytes. Of the floor nobody gets anything but objects: it is there to be compared with.
 */

import { createDocumentBatcher } from '../src/ingest/elasticsearch/batcher.ts'
import { DocumentDecoder } from '../src/ingest/elasticsearch/decode-document.ts'
import { createInspector } from '../src/otlp/decode/inspect.ts'
import { createChunkPool, ownsChunk } from '../src/otlp/encode/chunks.ts'
import { elasticsearchTranslateConfig } from '../src/translate/elasticsearch/config.ts'
import { createFieldTable } from '../src/translate/elasticsearch/fields.ts'
import { Leaves } from '../src/translate/elasticsearch/model.ts'
import { randomFrom } from '../test/crash/support/random.ts'
import type { BenchCase } from './cases.ts'
import { createDice, type Dice } from './seed.ts'

const documentsPerBody = 500
const stages = ['floor', 'decode', 'whole'] as const

/** Names of the cases. */
export const documentCaseNames: readonly string[] = stages.map((stage) => `${stage}/es-bulk/${documentsPerBody}-documents`)

/** So many different bodies in turn that no branch predictor learns them by heart. */
const bodyCount = 16

const limits = { maxFields: 10_000, maxListValues: 100_000, maxDepth: 100, maxBytes: 16 * 1024 * 1024 }

function documentOf(dice: Dice): object {
  const service = dice.pick(['cart', 'checkout', 'search', 'shipping', 'payment'])
  const level = dice.pick(['info', 'info', 'info', 'debug', 'warn', 'error'])
  const hex = (): string => dice.id().toString(16).padStart(16, '0')
  const pod = `${service}-7d9f8b6c5-${hex().slice(0, 5)}`
  return {
    '@timestamp': new Date(1_790_000_000_000 + dice.below(5000)).toISOString(),
    agent: { id: hex(), type: 'filebeat', version: '8.15.0' },
    ecs: { version: '8.11.0' },
    ...(level === 'error' ? { error: { message: 'upstream timed out', stack_trace: 'Timeout\n\tat a.B(B.java:8)', type: 'Timeout' } } : {}),
    event: { dataset: `${service}.log`, duration: dice.below(1e9) },
    host: { architecture: 'x86_64', ip: [`10.0.0.${dice.below(250)}`], name: `node-${dice.below(9)}` },
    http: { request: { method: dice.pick(['GET', 'POST', 'PUT']) }, response: { body: { bytes: dice.below(90_000) }, status_code: 200 } },
    kubernetes: { labels: { app: service, tier: 'backend' }, namespace: 'shop', pod: { name: pod } },
    log: { file: { path: `/var/log/containers/${pod}.log` }, level, logger: `shop.${service}.Handler`, offset: dice.below(2 ** 24) },
    message: `${level} request to ${dice.pick(['/v1/cart', '/v1/users/{id}/profile'])} finished in ${dice.below(900)} ms for customer ${hex()}`,
    service: { environment: 'production', name: service, version: '1.14.2' },
    span: { id: hex() },
    trace: { id: hex() + hex() },
  }
}

const bodyOf = (dice: Dice, documents: number): Buffer =>
  Buffer.from(
    Array.from({ length: documents }, () => `{"create":{"_index":"logs-shop-prod"}}\n${JSON.stringify(documentOf(dice))}\n`).join(''),
  )

/** Different bodies, the same ones every time. @param documents in each */
export function documentBodies(documents: number, count: number): Buffer[] {
  return Array.from({ length: count }, (_, at) => bodyOf(createDice(randomFrom(at + 1)), documents))
}

/** Calls for each line of a body, actions and documents alike. */
function lines(body: Buffer, each: (start: number, end: number, line: number) => void): void {
  for (let at = 0, line = 0; at < body.length; line++) {
    const end = body.indexOf(0x0a, at)
    each(at, end, line)
    at = end + 1
  }
}

/** The cases. Throws when a document is lost. */
export function createDocumentCases(): BenchCase[] {
  const bodies = documentBodies(documentsPerBody, bodyCount)
  const bytesIn = bodies.reduce((sum, { length }) => sum + length, 0) / bodies.length
  const chunks = createChunkPool()
  const batcher = createDocumentBatcher({
    limits,
    translate: elasticsearchTranslateConfig.parse({}),
    nowMs: () => 1_790_000_000_000,
    chunks,
  })
  const decoder = new DocumentDecoder(createFieldTable({ plan: () => 0 }), new Leaves(), limits, { keepEmpty: false })
  const meta = { index: batcher.index('logs-shop-prod'), id: '', pipeline: '' }
  const inspect = createInspector('logs', { maxItems: 10_000, maxAttributes: 100, maxEvents: 10, maxDepth: 10, maxStringBytes: 10_000 })

  const encode = (body: Buffer): number => {
    batcher.open(body)
    lines(body, (start, end, line) => {
      if ((line & 1) === 1) batcher.add(start, end, meta)
    })
    const [part] = batcher.take()
    if (part?.items !== documentsPerBody)
      throw new Error(`cannot measure: ${part?.items} of ${documentsPerBody} documents are in the request`)
    // As emit does once a request was delivered.
    if (ownsChunk(part.data)) chunks.give(part.data.buffer)
    return part.data.length
  }

  const runs: Readonly<Record<(typeof stages)[number], (body: Buffer) => void>> = {
    floor: (body) => lines(body, (start, end) => JSON.parse(body.toString('utf8', start, end))),
    decode(body) {
      const copy = Buffer.from(body)
      decoder.open(copy)
      lines(copy, (start, end, line) => {
        if ((line & 1) === 1) decoder.read(start, end)
      })
    },
    whole: (body) => void encode(body),
  }

  const [first] = bodies
  if (first === undefined) throw new Error('BUG: no bodies')
  batcher.open(first)
  lines(first, (start, end, line) => {
    if ((line & 1) === 1) batcher.add(start, end, meta)
  })
  const found = inspect(batcher.take()[0]?.data ?? new Uint8Array()).items
  if (found !== documentsPerBody) throw new Error(`cannot measure: ${found} of ${documentsPerBody} documents are in the request`)
  const bytesOut = bodies.reduce((sum, body) => sum + encode(body), 0) / bodies.length

  return stages.map((stage, at) => {
    let next = 0
    return {
      name: documentCaseNames[at] ?? stage,
      spans: documentsPerBody,
      bytesIn,
      bytesOut: stage === 'whole' ? bytesOut : undefined,
      run() {
        runs[stage](bodies[next] ?? first)
        next = next + 1 === bodies.length ? 0 : next + 1
      },
    }
  })
}
