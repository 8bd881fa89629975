/** Jaeger's golden vectors, and those of Zipkin's that came as datagrams: bytes, which translator takes them, what must come out. */

import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { JaegerTranslators } from '../../src/ingest/jaeger/translators.ts'
import { vectorFiles } from './shared.ts'

/** Names of the translators that take bodies. */
export type JaegerForm = Exclude<keyof JaegerTranslators, 'keys'>

export interface JaegerGolden {
  readonly now: string
  readonly format: string
  readonly otlp: unknown
  readonly rejected?: readonly { readonly index: number }[]
}

export interface JaegerVector {
  readonly name: string
  readonly bytes: Uint8Array
  readonly form: JaegerForm
  readonly golden: JaegerGolden
}

const formOf: Readonly<Record<string, JaegerForm>> = {
  'http.bin': 'httpBinary',
  'batch-compact.bin': 'batchCompact',
  'udp-compact.bin': 'agent',
  'udp-binary.bin': 'agent',
  'udp-binary-nonstrict.bin': 'agent',
  'postspans.bin': 'postSpans',
  'kafka-proto.bin': 'protoSpan',
  'kafka-json.json': 'jsonSpan',
  ndjson: 'esJson',
}

/** Plain `.json` is what its golden says it is. */
const formOfJson: Readonly<Record<string, JaegerForm>> = { 'jaeger-ui-json': 'uiJson', 'es-span-doc': 'esJson' }

/** The vectors of a folder; empty where the folder is absent. */
export function jaegerVectors(folder: 'jaeger' | 'zipkin'): JaegerVector[] {
  return vectorFiles(folder).flatMap((file): JaegerVector[] => {
    const [, stem = '', kind = ''] = /^(.*?)\.([^/]*)$/.exec(file) ?? []
    const expected = `${stem}.expected.json`
    if (!existsSync(expected)) return []
    const golden = JSON.parse(readFileSync(expected, 'utf8')) as JaegerGolden
    const form = kind === 'json' ? formOfJson[golden.format] : folder === 'zipkin' && !kind.startsWith('udp') ? undefined : formOf[kind]
    return form === undefined ? [] : [{ name: basename(file), bytes: new Uint8Array(readFileSync(file)), form, golden }]
  })
}
