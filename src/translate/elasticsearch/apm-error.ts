/**
 * Exceptions as documents hold them → `exception.type`, `.message` and `.stacktrace`: those of APM Server (`error.exception`), those of Serilog
 * (`exceptions`). Section 6 and 7 of the mapping.
 */

import { textOf, valueToString } from '../../otlp/attributes.ts'
import { type AnyValue, type KeyValue, type Text, ValueType } from '../../otlp/model.ts'

/** The first exception of a list. */
export interface Exception {
  readonly type: Text | undefined
  readonly message: Text | undefined
  /** Frames one a line, or the text as it came. */
  readonly stacktrace: Text | undefined
  /** Nothing else was in the list: it need not be kept beside these. */
  readonly whole: boolean
}

const Part = { Type: 0, Message: 1, Stacktrace: 2 } as const

/** What members are called: by APM, by Serilog, and by what others write into the same fields. */
const parts: ReadonlyMap<string, number> = new Map([
  ['type', Part.Type],
  ['Type', Part.Type],
  ['ClassName', Part.Type],
  ['message', Part.Message],
  ['Message', Part.Message],
  ['stacktrace', Part.Stacktrace],
  ['stack_trace', Part.Stacktrace],
  ['StackTraceString', Part.Stacktrace],
  ['StackTrace', Part.Stacktrace],
])

/** Reads the first of a list of exceptions; undefined when it is none. What is of another type than it should be is not taken. */
export function exceptionOf(list: readonly AnyValue[]): Exception | undefined {
  const [first] = list
  if (first?.type !== ValueType.KvList) return undefined
  const found: (Text | undefined)[] = [undefined, undefined, undefined]
  let whole = list.length === 1
  for (const member of first.ref as readonly KeyValue[]) if (!takePart(found, parts.get(member.key.text), member)) whole = false
  const [type, message, stacktrace] = found
  return type === undefined && message === undefined && stacktrace === undefined ? undefined : { type, message, stacktrace, whole }
}

/** Keeps a member that is a part of the exception. False when something of it is left over. */
function takePart(found: (Text | undefined)[], part: number | undefined, value: AnyValue): boolean {
  if (part === undefined || found[part] !== undefined) return false
  if (part === Part.Stacktrace && value.type === ValueType.Array) {
    const stacktrace = stacktraceOf(value.ref as readonly AnyValue[])
    found[part] = stacktrace?.text
    return stacktrace?.whole === true
  }
  found[part] = textOf(value)
  return found[part] !== undefined
}

/** Frames as text. */
export interface Stacktrace {
  readonly text: string
  /** The text has all that the frames have. */
  readonly whole: boolean
}

/** More frames than this are no stack that anybody reads; they stay in the list. */
const mostFrames = 10_000

/**
 * Frames of APM (`abs_path`, `filename`, `classname`, `function`, `line.number`, …), innermost first as they come, one a line:
 * `at Class.function (file:line:column)`. Undefined when there are none.
 */
export function stacktraceOf(frames: readonly AnyValue[]): Stacktrace | undefined {
  const lines: string[] = []
  let whole = frames.length <= mostFrames
  for (let i = 0; i < frames.length && i < mostFrames; i++) {
    const frame = frames[i] as AnyValue
    if (frame.type !== ValueType.KvList) {
      whole = false
      continue
    }
    const { line, rest } = lineOf(frame.ref as readonly KeyValue[])
    lines.push(line)
    if (rest) whole = false
  }
  return lines.length === 0 ? undefined : { text: lines.join('\n'), whole }
}

const frameParts: readonly string[] = ['function', 'classname', 'filename', 'abs_path', 'line.number', 'line.column']

/** A frame as a line. `rest`: there is more to it. */
function lineOf(frame: readonly KeyValue[]): { readonly line: string; readonly rest: boolean } {
  const found = frameParts.map(() => '')
  let rest = false
  const place = (members: readonly KeyValue[], prefix: string): void => {
    for (const member of members) {
      const key = prefix + member.key.text
      const part = frameParts.indexOf(key)
      const written = valueToString(member)
      if (part >= 0 && written !== '' && found[part] === '') found[part] = written
      else if (key === 'line' && member.type === ValueType.KvList) place(member.ref as readonly KeyValue[], 'line.')
      else if (key !== 'exclude_from_grouping' || written !== 'false') rest = true
    }
  }
  place(frame, '')
  const [name = '', classname = '', filename = '', path = '', number = '', column = ''] = found
  const file = filename === '' ? path : filename
  if ((path !== '' && path !== file) || (number === '' && column !== '')) rest = true
  const spot = number === '' ? file : `${file}:${number}${column === '' ? '' : `:${column}`}`
  const called = `${classname === '' ? '' : `${classname}.`}${name === '' ? '<anonymous>' : name}`
  return { line: spot === '' ? `at ${called}` : `at ${called} (${spot})`, rest }
}
