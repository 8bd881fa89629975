/** Durations and sizes as users type them: `5s`, `200ms`, `64KiB`, `1GB`, or a plain number of milliseconds or bytes. */

import { z } from 'zod'

const durationUnits: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
]

const sizeUnits: readonly (readonly [unit: string, bytes: number])[] = [
  ['TiB', 2 ** 40],
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
  ['TB', 1e12],
  ['GB', 1e9],
  ['MB', 1e6],
  ['KB', 1e3],
  ['B', 1],
]

const durationPattern = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)?$/
const sizePattern = /^(\d+(?:\.\d+)?) ?([KMGTkmgt]?[iI]?[Bb])?$/

/** `5s` → 5000; a bare number counts milliseconds. Undefined when the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  const match = durationPattern.exec(text)
  if (match === null) return undefined
  const factor = durationUnits.find(([unit]) => unit === (match[2] ?? 'ms'))?.[1]
  return factor === undefined ? undefined : Math.round(Number(match[1]) * factor)
}

/** `64KiB` → 65536; a bare number counts bytes. KiB is 1024, KB is 1000; case does not matter. Undefined when the text is not a size. */
export function parseByteSize(text: string): number | undefined {
  const match = sizePattern.exec(text)
  if (match === null) return undefined
  const wanted = (match[2] ?? 'B').toLowerCase()
  const factor = sizeUnits.find(([unit]) => unit.toLowerCase() === wanted)?.[1]
  return factor === undefined ? undefined : Math.floor(Number(match[1]) * factor)
}

/** 90_000 → `90s`: the largest unit that divides exactly, so that {@link parseDuration} gives the same number back. */
export function printDuration(ms: number): string {
  if (ms === 0) return '0s'
  const exact = durationUnits.find(([, factor]) => ms % factor === 0)
  return exact === undefined ? `${ms}ms` : `${ms / exact[1]}${exact[0]}`
}

/** 65536 → `64KiB`: the largest unit that divides exactly, so that {@link parseByteSize} gives the same number back. */
export function printByteSize(bytes: number): string {
  if (bytes === 0) return '0B'
  const exact = sizeUnits.find(([, factor]) => bytes % factor === 0)
  return exact === undefined ? `${bytes}B` : `${bytes / exact[1]}${exact[0]}`
}

/** 1_536_000 → `1.5 MB`: rounded, for tables and pages; not to be parsed again. */
export function roundByteSize(bytes: number): string {
  const found = sizeUnits.find(([unit, factor]) => !unit.includes('i') && bytes >= factor)
  if (found === undefined) return `${bytes} B`
  const value = bytes / found[1]
  return `${value >= 100 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)} ${found[0]}`
}

const durationMessage = 'a duration such as 200ms, 5s, 2m, 1h or 1d, or a number of milliseconds'
const sizeMessage = 'a size such as 64KiB, 10MiB or 1GB, or a number of bytes'

/** What a number made here counts: milliseconds or bytes. The reference page and the printed configuration need to know. */
export type Unit = 'duration' | 'byteSize'

const unitOfUnion = new WeakMap<object, Unit>()

interface WrappingDef {
  readonly innerType?: unknown
  readonly in?: unknown
}

/** The unit of a schema made here, looking through `.default()`, `.optional()`, `.describe()` and the like; undefined for others. */
export function unitOf(schema: z.ZodType): Unit | undefined {
  let at: unknown = schema
  while (at instanceof z.ZodType) {
    const unit = unitOfUnion.get(at)
    if (unit !== undefined) return unit
    const def = at.def as WrappingDef
    at = def.innerType ?? def.in
  }
  return undefined
}

const quantity = (unit: Unit, pattern: RegExp, parse: (text: string) => number | undefined, expected: string) => {
  const error = (): string => `expected ${expected}`
  const union = z.union([z.string({ error }).regex(pattern, { error }), z.number({ error }).nonnegative({ error })], { error })
  unitOfUnion.set(union, unit)
  return union.transform((value) => (typeof value === 'number' ? value : (parse(value) ?? Number.NaN)))
}

/** Schema of a duration: `'200ms' | '5s' | '2m' | '1h' | '1d'` or milliseconds in; milliseconds out. Negative is refused. */
export const duration = quantity('duration', durationPattern, parseDuration, durationMessage)

/** Schema of a size: `'64KiB' | '10MiB' | '1GB'` or bytes in; bytes out. Negative is refused. KiB is 1024, KB is 1000. */
export const byteSize = quantity('byteSize', sizePattern, parseByteSize, sizeMessage)
