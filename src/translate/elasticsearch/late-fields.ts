/** stub */
import type { AnyValue, KeyValue, Text } from '../../otlp/model.ts'
import type { Leaves } from './model.ts'

export interface RowValue {
  readonly source: Uint8Array
  readonly type: number
  readonly a: number
  readonly b: number
  readonly start: number
  readonly end: number
  readonly rowOf: (path: string) => number
  readonly leaves: Leaves
}
export interface NewAttribute {
  readonly name: string
  readonly value: AnyValue
  readonly resource: boolean
}
export function transformed(_transform: number, _row: RowValue): readonly NewAttribute[] | 'own' | undefined {
  return undefined
}
export function exceptionOf(_list: readonly AnyValue[]): { type?: Text; message?: Text; stacktrace?: Text; whole: boolean } | undefined {
  return undefined
}
export function nestRows(_leaves: Leaves, _source: Uint8Array, _rows: readonly number[], _prefix: string): readonly KeyValue[] {
  return []
}
