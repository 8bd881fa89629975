/** Reads what a command is given: a file, or stdin. */

import { readFile, stat } from 'node:fs/promises'
import { BridgeError, isBridgeError } from '../errors.ts'
import type { Io } from './io.ts'

/** What a command calls its input: the file's name, or `stdin` for `-` and for none. */
export function inputName(file: string | undefined): string {
  return file === undefined || file === '-' ? 'stdin' : file
}

/** The error of an input over its limit. @param option what raises the limit, where something does: `--max-size` */
export function tooLarge(name: string, maxBytes: number, option?: string): BridgeError {
  const knob = option === undefined ? '' : ` (${option})`
  return new BridgeError('OB_INPUT', `cannot read ${name}: it is larger than ${maxBytes} bytes${knob}`, { place: name })
}

/** The error of an input that cannot be read, whatever the cause. */
export function unreadable(name: string, cause: unknown): BridgeError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new BridgeError('OB_INPUT', `cannot read ${name}: ${why}`, { place: name, cause })
}

/** All bytes of the input. Throws OB_INPUT when it cannot be read or is over the limit; of a file that is known before it is read. */
export async function readInput(file: string | undefined, maxBytes: number, io: Io, option?: string): Promise<Uint8Array> {
  const name = inputName(file)
  try {
    if (name !== 'stdin' && (await stat(name)).size > maxBytes) throw tooLarge(name, maxBytes, option)
    const bytes = name === 'stdin' ? await io.stdin() : await readFile(name)
    if (bytes.length > maxBytes) throw tooLarge(name, maxBytes, option)
    return bytes
  } catch (cause) {
    throw isBridgeError(cause) ? cause : unreadable(name, cause)
  }
}
