/** Jaeger logs → OTLP events (docs/mapping/jaeger.md, "Logs"). */

import { isEmptyText, lastWins, rekeyed, textIs, textOf, toUint32, valueToString } from '../../otlp/attributes.ts'
import { type Event, type KeyValue, noAttributes, type Text, ValueType } from '../../otlp/model.ts'
import { exceptionMessage, exceptionStacktrace, exceptionType } from '../../otlp/semconv.ts'
import { multiply, type Words } from '../../otlp/time.ts'
import { Role } from './keys.ts'
import type { JaegerLog } from './model.ts'

/** Name of an event whose log has none, as the OpenTracing shim gives it. */
const unnamed = 'log'

/** One log as an event. @param words scratch; negative times become 0 */
export function eventOf(log: JaegerLog, nanosPerTick: number, mapExceptions: boolean, words: Words): Event {
  const fields = lastWins(log.fields)
  let name: Text = unnamed
  let dropped = 0
  let attributes: KeyValue[] | undefined
  let kept = 0
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i] as KeyValue
    if (field.type === ValueType.Empty) continue
    switch (field.key.role) {
      case Role.Event: {
        const text = textOf(field) ?? valueToString(field)
        if (!isEmptyText(text)) {
          name = text
          continue
        }
        break
      }
      case Role.EventDroppedAttributes:
      case Role.DroppedAttributes: {
        const count = toUint32(field)
        if (count > 0) {
          dropped = count
          continue
        }
        break
      }
    }
    // A list that grows by itself gets room for 17, which few logs need.
    attributes ??= new Array<KeyValue>(fields.length - i)
    attributes[kept++] = field
  }
  if (attributes !== undefined) attributes.length = kept
  if (log.timeHi < 0) {
    words.hi = 0
    words.lo = 0
  } else multiply(log.timeHi, log.timeLo, nanosPerTick, words)
  const event = {
    timeHi: words.hi,
    timeLo: words.lo,
    name,
    attributes: attributes ?? noAttributes,
    droppedAttributesCount: dropped,
  }
  return mapExceptions ? mapException(event, fields) : event
}

/** `event=error` with `error.kind`, `message`, `stack` → the `exception` event of the OpenTracing shim. */
function mapException(event: Event, fields: readonly KeyValue[]): Event {
  if (!fields.some((field) => field.key.role === Role.Event && textIs(field, 'error'))) return event
  const attributes = event.attributes.map((attribute) => {
    switch (attribute.key.text) {
      case 'error.kind':
        return rekeyed(exceptionType, attribute)
      case 'message':
        return rekeyed(exceptionMessage, attribute)
      case 'stack':
        return rekeyed(exceptionStacktrace, attribute)
      default:
        return attribute
    }
  })
  return { ...event, name: 'exception', attributes }
}
