/** Numbers and booleans out of tags that are text (rule Z-G1, options `semconv` and `infer`). Off by default. */

import { boolValue, doubleValue, intValue, valueToString } from '../../otlp/attributes.ts'
import { type KeyValue, ValueType } from '../../otlp/model.ts'
import { numericBit } from './keys.ts'

const integerText = /^-?(?:0|[1-9]\d*)$/
const decimalText = /^-?(?:0|[1-9]\d*)\.\d+$/

/** The tag with the type its text has; the tag itself when that is text. `007` and `1e3` stay text. */
function inferred(tag: KeyValue, booleans: boolean): KeyValue {
  const text = valueToString(tag)
  if (integerText.test(text)) {
    const number = Number(text)
    if (Number.isSafeInteger(number)) return intValue(tag.key, number + 0)
    if (text.length > 20) return tag
    const exact = BigInt(text)
    return exact === BigInt.asIntN(64, exact) ? intValue(tag.key, exact) : tag
  }
  if (decimalText.test(text)) return doubleValue(tag.key, Number(text))
  if (booleans && (text === 'true' || text === 'false')) return boolValue(tag.key, text === 'true')
  return tag
}

/** The tag, typed as the option says. */
export function typedTag(tag: KeyValue, types: 'string' | 'semconv' | 'infer'): KeyValue {
  if (types === 'string' || (tag.type !== ValueType.Text && tag.type !== ValueType.String)) return tag
  if (tag.type === ValueType.Text && tag.b - tag.a > 32) return tag
  if (types === 'infer') return inferred(tag, true)
  return (tag.key.role & numericBit) === 0 ? tag : inferred(tag, false)
}
