import { describe, expect, it } from 'vitest'
import { textToString } from '../../../src/otlp/attributes.ts'
import type { AnyValue } from '../../../src/otlp/model.ts'
import { type Exception, exceptionOf, stacktraceOf } from '../../../src/translate/elasticsearch/apm-error.ts'
import { createDocumentReader } from '../../support/documents.ts'

const listOf = (values: readonly unknown[]): readonly AnyValue[] => {
  const { leaves } = createDocumentReader().read({ list: values })
  return (leaves.lists[0] ?? []) as readonly AnyValue[]
}

const plain = (found: Exception | undefined) =>
  found === undefined
    ? undefined
    : {
        type: found.type === undefined ? undefined : textToString(found.type),
        message: found.message === undefined ? undefined : textToString(found.message),
        stacktrace: found.stacktrace === undefined ? undefined : textToString(found.stacktrace),
        whole: found.whole,
      }

const exception = (...values: unknown[]) => plain(exceptionOf(listOf(values)))

describe('exceptionOf', () => {
  it('reads an exception of APM Server, and says that causes are left over', () => {
    const frames = [
      { exclude_from_grouping: false, filename: 'checkout.go', line: { number: 53 }, function: 'pay' },
      { exclude_from_grouping: false, filename: 'main.go', line: { number: 7, column: 3 }, function: 'main', classname: 'App' },
    ]
    const first = { type: 'CardError', message: 'declined', stacktrace: frames }
    const stacktrace = 'at pay (checkout.go:53)\nat App.main (main.go:7:3)'
    expect(exception(first)).toEqual({ type: 'CardError', message: 'declined', stacktrace, whole: true })
    expect(exception(first, { type: 'IOError' })).toEqual({ type: 'CardError', message: 'declined', stacktrace, whole: false })
    expect(exception({ ...first, handled: false })?.whole).toBe(false)
  })

  it('reads an exception of Serilog', () => {
    expect(exception({ ClassName: 'System.Exception', Message: 'no', StackTraceString: '   at A.B()\n   at C.D()' })).toEqual({
      type: 'System.Exception',
      message: 'no',
      stacktrace: '   at A.B()\n   at C.D()',
      whole: true,
    })
    expect(exception({ ClassName: 'System.Exception', HResult: -2147467261 })?.whole).toBe(false)
  })

  it('leaves alone what is of another type', () => {
    expect(exception('text')).toBeUndefined()
    expect(exception()).toBeUndefined()
    expect(exception({ code: 42 })).toBeUndefined()
    expect(exception({ type: 42, message: 'x' })).toEqual({ type: undefined, message: 'x', stacktrace: undefined, whole: false })
    expect(exception({ message: 'x', Message: 'y' })).toEqual({ type: undefined, message: 'x', stacktrace: undefined, whole: false })
    expect(exception({ message: 'x', stacktrace: [] })?.stacktrace).toBeUndefined()
  })
})

describe('stacktraceOf', () => {
  const lines = (...frames: unknown[]) => stacktraceOf(listOf(frames))

  it('writes what a frame has', () => {
    expect(lines({ function: 'f' }, { filename: 'a.js' }, { abs_path: '/a.js', 'line.number': 3 }, {})?.text).toBe(
      'at f\nat <anonymous> (a.js)\nat <anonymous> (/a.js:3)\nat <anonymous>',
    )
  })

  it('says when a frame has more than that', () => {
    expect(lines({ function: 'f', abs_path: 'a', filename: 'a', exclude_from_grouping: false })?.whole).toBe(true)
    for (const more of [
      { vars: { a: 1 } },
      { library_frame: true },
      { exclude_from_grouping: true },
      { abs_path: '/a/b' },
      { line: { context: 'x' } },
    ]) {
      expect(lines({ function: 'f', filename: 'b', ...more })?.whole, JSON.stringify(more)).toBe(false)
    }
    expect(lines({ function: ['f'] })).toEqual({ text: 'at <anonymous>', whole: false })
    expect(lines('frame', { function: 'f' })).toEqual({ text: 'at f', whole: false })
    expect(lines()).toBeUndefined()
  })
})
