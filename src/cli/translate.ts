/** `otlp-bridge translate`: one payload in, one OTLP request out; nothing listens. */

import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { type ConfigOptions, loadBridgeConfig } from '../config/compose.ts'
import { nearest } from '../config/nearest.ts'
import { BridgeError } from '../errors.ts'
import { createFileTranslator, type FileFormat, fileFormats } from '../ingest/index.ts'
import { decodeTraces } from '../otlp/decode/traces.ts'
import { tracesToJson } from '../otlp/encode/json.ts'
import type { Io } from './io.ts'

export interface TranslateCommandOptions extends ConfigOptions {
  readonly from: string
  readonly to: 'json' | 'proto'
}

/** Largest plain payload that a gzip file may hold: this is a debugging tool, not a way in. */
const maxPlainBytes = 256 * 1024 * 1024

const isFormat = (name: string): name is FileFormat => (fileFormats as readonly string[]).includes(name)

const wrongFormat = (name: string): BridgeError => {
  const known: readonly string[] = fileFormats
  const meant = nearest(name, known)
  const hint = meant === undefined ? `known formats: ${known.join(', ')}` : `did you mean ${meant}?`
  return new BridgeError('OB_CONFIG', `cannot translate from ${name}: ${hint}`, { place: '--from' })
}

async function readPayload(file: string | undefined, io: Io): Promise<Uint8Array> {
  const name = file === undefined || file === '-' ? 'stdin' : file
  try {
    const bytes = name === 'stdin' ? await io.stdin() : await readFile(name)
    // A recorded body may still be compressed; no format of ours begins with these two bytes.
    return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes, { maxOutputLength: maxPlainBytes }) : bytes
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new BridgeError('OB_INPUT', `cannot read ${name}: ${why}`, { place: name, cause })
  }
}

/** Prints the request on stdout and the rejected items on stderr. 0 all translated, 1 some rejected, 3 unreadable. */
export async function translate(file: string | undefined, options: TranslateCommandOptions, io: Io): Promise<number> {
  if (!isFormat(options.from)) throw wrongFormat(options.from)
  const config = await loadBridgeConfig(options, io.env)
  const payload = await readPayload(file, io)
  const { data, drops, notes } = createFileTranslator(options.from, config.translate)(payload, Date.now())

  if (options.to === 'proto') io.out(data)
  else io.out(`${tracesToJson(decodeTraces(data), 2)}\n`)
  for (const { reason, count, example, indexes } of drops) {
    io.err(`rejected ${count} ${count === 1 ? 'item' : 'items'} (${reason}) at ${indexes.slice(0, 20).join(', ')}: ${example}\n`)
  }
  for (const { reason, count } of notes) io.err(`noticed ${reason} ${count} ${count === 1 ? 'time' : 'times'}\n`)
  return drops.length > 0 ? 1 : 0
}
