/** `otlp-bridge translate`: one payload in, one OTLP request out; nothing listens. */

import { gunzipSync } from 'node:zlib'
import { type ConfigOptions, loadBridgeConfig } from '../config/compose.ts'
import { nearest } from '../config/nearest.ts'
import { byteSize } from '../config/units.ts'
import { loadUserMapping } from '../config/user-mapping.ts'
import { BridgeError } from '../errors.ts'
import type { OtherRequest } from '../ingest/adapter.ts'
import {
  createFileExplainer,
  createFileTranslator,
  type FileFormat,
  fileFormats,
  signalOfFile,
  type TranslateConfig,
} from '../ingest/index.ts'
import { type DecodeLimits, defaultDecodeLimits } from '../ingest/limits.ts'
import { decodeTraces } from '../otlp/decode/traces.ts'
import { tracesToJson } from '../otlp/encode/json.ts'
import type { Signal } from '../otlp/intake.ts'
import { requestToJson } from '../otlp/json/to-json.ts'
import type { Explanation } from '../translate/explain.ts'
import { explainedRecords, explainedTree } from './explanation.ts'
import { inputName, readInput, tooLarge, unreadable } from './input.ts'
import type { Io } from './io.ts'

export interface TranslateCommandOptions extends ConfigOptions {
  readonly from: string
  readonly to: 'json' | 'proto'
  /** Of a file that holds several, this one alone. */
  readonly signal?: Signal
  /** Reasons instead of the request. */
  readonly explain?: boolean
  /** Reasons as records. */
  readonly json?: boolean
  /** Largest payload, such as `256MiB`, the default. */
  readonly maxSize?: string
}

const isFormat = (name: string): name is FileFormat => (fileFormats as readonly string[]).includes(name)

const wrongFormat = (name: string): BridgeError => {
  const known: readonly string[] = fileFormats
  const meant = nearest(name, known)
  const hint = meant === undefined ? `known formats: ${known.join(', ')}` : `did you mean ${meant}?`
  return new BridgeError('OB_CONFIG', `cannot translate from ${name}: ${hint}`, { place: '--from' })
}

/** A file is a whole day's traffic at times: more spans than one request may bring. */
const limits: DecodeLimits = { ...defaultDecodeLimits, maxItems: 1_000_000 }

function maxBytesOf(size: string): number {
  const parsed = byteSize.safeParse(size)
  if (parsed.success) return parsed.data
  throw new BridgeError('OB_CONFIG', `cannot read ${size}: a size such as 256MiB is expected`, { place: '--max-size' })
}

async function readPayload(file: string | undefined, maxBytes: number, io: Io): Promise<Uint8Array> {
  const bytes = await readInput(file, maxBytes, io, '--max-size')
  // A recorded body may still be compressed; no format of ours begins with these two bytes.
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes })
  } catch (cause) {
    const name = inputName(file)
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(name, maxBytes, '--max-size')
    throw unreadable(name, cause)
  }
}

/** A request as JSON over several lines. */
function printRequest(signal: Signal, request: Uint8Array): string {
  if (signal === 'traces') return `${tracesToJson(decodeTraces(request), 2)}\n`
  return `${indented(Buffer.from(requestToJson(signal, request)).toString())}\n`
}

/** JSON of one line over several, each number as it is written: one that was read and printed again might lose a sign or a digit. */
function indented(json: string): string {
  let depth = 0
  const line = (change: number): string => {
    depth += change
    return `\n${'  '.repeat(depth)}`
  }
  // Texts first, so that nothing in them is taken for structure; empty lists and sections stay on their line.
  return json.replace(/"(?:[^"\\]|\\.)*"|\[\]|\{\}|[[\]{},:]/g, (token) => {
    if (token === '{' || token === '[') return token + line(1)
    if (token === '}' || token === ']') return line(-1) + token
    if (token === ',') return token + line(0)
    return token === ':' ? ': ' : token
  })
}

/** The requests that are printed. JSON may stand one after the other; of what is proto there is one, or it could not be told apart. */
function chosen(requests: readonly OtherRequest[], { to, signal }: TranslateCommandOptions): readonly OtherRequest[] {
  if (signal !== undefined) {
    const wanted = requests.filter((one) => one.signal === signal)
    return wanted.length > 0 ? wanted : [{ signal, items: 0, data: new Uint8Array(0) }]
  }
  if (to === 'json' || requests.length < 2) return requests
  const names = requests.map((one) => one.signal).join(' and ')
  throw new BridgeError('OB_CONFIG', `cannot print ${names} as one request: say which of them with --signal`, { place: '--signal' })
}

/**
 * Prints the request on stdout and the rejected items on stderr; with `explain` the reasons on stdout instead.
 * 0 all translated, 1 some rejected, 3 unreadable.
 */
export async function translate(file: string | undefined, options: TranslateCommandOptions, io: Io): Promise<number> {
  const { from, explain = false, json = false } = options
  if (!isFormat(from)) throw wrongFormat(from)
  if (json && !explain) throw new BridgeError('OB_CONFIG', 'cannot print JSON records: --json belongs to --explain', { place: '--json' })
  const maxBytes = maxBytesOf(options.maxSize ?? '256MiB')
  const config = await loadBridgeConfig(options, io.env)
  const payload = await readPayload(file, maxBytes, io)
  if (explain) return explainPayload(from, payload, json, config.translate, io)
  const translateBody = await createFileTranslator(from, config.translate, limits, loadUserMapping)
  const { items, data, drops, notes, others = [] } = translateBody(payload, Date.now())

  const own = { signal: signalOfFile(from), items, data }
  // Nothing of the format's own signal, and something of another: that alone.
  const requests = chosen(items === 0 && others.length > 0 ? others : [own, ...others], options)
  for (const { signal, data } of requests) io.out(options.to === 'proto' ? data : printRequest(signal, data))
  for (const { reason, count, example, indexes } of drops) {
    const where = indexes.length === 0 ? '' : ` at ${indexes.slice(0, 20).join(', ')}`
    io.err(`rejected ${count} ${count === 1 ? 'item' : 'items'} (${reason})${where}: ${example}\n`)
  }
  for (const { reason, count } of notes) io.err(`noticed ${reason} ${count} ${count === 1 ? 'time' : 'times'}\n`)
  return drops.length > 0 ? 1 : 0
}

function* recordLines(explanation: Explanation): Generator<string> {
  for (const record of explainedRecords(explanation)) yield `${JSON.stringify(record)}\n`
}

async function explainPayload(from: FileFormat, payload: Uint8Array, json: boolean, config: TranslateConfig, io: Io): Promise<number> {
  const explain = await createFileExplainer(from, config, limits)
  if (explain === undefined)
    throw new BridgeError('OB_CONFIG', `cannot explain ${from}: its rules have no table yet`, { place: '--explain' })
  const explanation = explain(payload, Date.now())
  const pieces = json ? recordLines(explanation) : explainedTree(explanation)
  let waiting = 0
  for (const piece of pieces) {
    io.out(piece)
    waiting += piece.length
    if (waiting < 1024 * 1024) continue
    await io.drained()
    waiting = 0
  }
  if (explanation.rejected > 0) io.err(`rejected ${explanation.rejected} of ${explanation.received} spans\n`)
  return explanation.rejected > 0 ? 1 : 0
}
