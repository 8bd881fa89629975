/**
 * Looks through an encoded request that is to be passed on as it is: is it one, how much is in it, and whose is it.
 * Every field that OTLP knows is walked down to its last byte, because a request that cannot be read would be refused
 * by the endpoint together with all that it was merged with. Fields it does not know are stepped over.
 */

import { BridgeError, type ErrorCode } from '../../errors.ts'
import { longestService, type ServiceCount } from '../batch.ts'
import type { Signal } from '../intake.ts'
import { allMessages, type Field, Kind, type Message, messageOf, requestOf } from '../messages.ts'
import { ProtoReader } from './reader.ts'

/** Bounds on what one request may hold. */
export interface InspectLimits {
  /** Spans, data points or log records; more are OB_LIMIT_ITEMS. */
  readonly maxItems: number
  /** Attributes of one span, point, record, resource or scope; more are OB_LIMIT_LENGTH. */
  readonly maxAttributes: number
  /** Events and links of a span, exemplars of a point; more are OB_LIMIT_LENGTH. */
  readonly maxEvents: number
  /** Nesting of attribute values; more is OB_LIMIT_DEPTH. */
  readonly maxDepth: number
  /** Bytes of one string or bytes value; more are OB_LIMIT_LENGTH. */
  readonly maxStringBytes: number
}

/** What was found. */
export interface Inspection {
  /** Spans, data points or log records. */
  readonly items: number
  /** Items by the `service.name` of their resource, those without one left out; a service may come twice. */
  readonly services: readonly ServiceCount[]
  /** Spans whose trace or span id is missing, all zero or of the wrong length. They are for the endpoint to judge. */
  readonly badIds: number
}

/** What to do at a tag. */
const Step = { Unknown: 0, Varint: 1, Fixed64: 2, Fixed32: 3, Bytes: 4, Message: 5, PackedVarint: 6, PackedFixed64: 7, Id: 8 } as const

/** What the elements of a repeated field count as. */
const Counts = { Nothing: 0, Attribute: 1, Event: 2 } as const

/** A message as the walk wants it: by tag, as all tags of OTLP are below 256. */
interface Plan {
  readonly name: string
  readonly item: boolean
  /** Of a span. */
  readonly hasIds: boolean
  /** A value that may hold others. */
  readonly nests: boolean
  readonly counts: number
  readonly steps: Uint8Array
  readonly children: (Plan | undefined)[]
  readonly byNumber: readonly (Field | undefined)[]
}

const tags = 256

const scalarStep = [0, Step.Bytes, Step.Varint, Step.Bytes, Step.Bytes, Step.Bytes, Step.Fixed64, Step.Fixed64, Step.Fixed64] as const

const stepOf = ({ kind }: Field): number =>
  kind === Kind.Message ? Step.Message : kind === Kind.Fixed32 ? Step.Fixed32 : (scalarStep[kind] ?? Step.Varint)

const countsOf = (name: string): number =>
  name === 'KeyValue' ? Counts.Attribute : name === 'Event' || name === 'Link' || name === 'Exemplar' ? Counts.Event : Counts.Nothing

function compile(): readonly Plan[] {
  const messages = allMessages()
  const plans = messages.map(
    ({ name, item, byNumber }): Plan => ({
      name,
      item,
      hasIds: name === 'Span',
      nests: name === 'AnyValue',
      counts: countsOf(name),
      steps: new Uint8Array(tags),
      children: new Array<Plan | undefined>(tags).fill(undefined),
      byNumber,
    }),
  )
  for (const { id, fields } of messages) {
    const plan = plans[id] as Plan
    for (const field of fields) {
      const step = stepOf(field)
      plan.steps[field.tag] = step
      if (field.message !== undefined) plan.children[field.tag] = plans[field.message.id]
      if (field.packed) {
        // Readers must take both forms of repeated numbers.
        plan.steps[field.tag] = step === Step.Fixed64 ? Step.PackedFixed64 : Step.PackedVarint
        plan.steps[(field.number << 3) | (step === Step.Fixed64 ? 1 : 0)] = step
      }
      if (plan.hasIds && (field.name === 'traceId' || field.name === 'spanId')) plan.steps[field.tag] = Step.Id
    }
  }
  return plans
}

let compiled: readonly Plan[] | undefined

const planOf = (message: Message): Plan => {
  compiled ??= compile()
  return compiled[message.id] as Plan
}

const noServices: readonly ServiceCount[] = []

/**
 * Creates the inspection of one signal's requests. It throws OB_DECODE_PROTO or OB_LIMIT_* with the byte offset, keeps
 * nothing of what it was given, and allocates nothing but the service names.
 */
export function createInspector(signal: Signal, limits: InspectLimits): (request: Uint8Array) => Inspection {
  const { maxItems, maxAttributes, maxEvents, maxDepth, maxStringBytes } = limits
  const group = requestOf(signal).fields[0]?.message
  if (group === undefined) throw new Error(`BUG: no groups in ${signal}`)
  const groupPlan = planOf(group)
  const resourcePlan = planOf(messageOf('Resource'))
  let items = 0
  let badIds = 0

  const over = (reader: ProtoReader, code: ErrorCode, cause: string): never => {
    throw new BridgeError(code, `cannot take request: ${cause} at byte ${reader.at}`, { place: `byte ${reader.at}` })
  }

  /** Walks a message that ends at `end`; `reader.end` is that already. */
  const walk = (reader: ProtoReader, plan: Plan, end: number, depth: number): void => {
    const { steps, children } = plan
    let attributes = 0
    let events = 0
    let ids = 0
    while (reader.at < end) {
      const tag = reader.varint32()
      switch (tag < tags ? (steps[tag] as number) : Step.Unknown) {
        case Step.Bytes: {
          const stop = reader.length()
          if (stop - reader.at > maxStringBytes)
            over(reader, 'OB_LIMIT_LENGTH', `string of ${stop - reader.at} bytes > limit ${maxStringBytes} (limits.string)`)
          reader.at = stop
          break
        }
        case Step.Message: {
          const child = children[tag] as Plan
          if (child.counts === Counts.Attribute) {
            if (++attributes > maxAttributes) over(reader, 'OB_LIMIT_LENGTH', `attributes > limit ${maxAttributes} (limits.attributes)`)
          } else if (child.counts === Counts.Event) {
            if (++events > maxEvents) over(reader, 'OB_LIMIT_LENGTH', `events, links or exemplars > limit ${maxEvents} (limits.events)`)
          }
          let below = depth
          if (child.nests && ++below > maxDepth) over(reader, 'OB_LIMIT_DEPTH', `values nested deeper than ${maxDepth} (limits.depth)`)
          const stop = reader.length()
          reader.end = stop
          walk(reader, child, stop, below)
          reader.end = end
          if (child.item && ++items > maxItems) over(reader, 'OB_LIMIT_ITEMS', `items > limit ${maxItems} (limits.items)`)
          break
        }
        case Step.Varint:
          varint(reader)
          break
        case Step.Fixed64:
        case Step.Fixed32:
          reader.skip(tag)
          break
        case Step.PackedVarint: {
          const stop = reader.length()
          reader.end = stop
          while (reader.at < stop) varint(reader)
          reader.end = end
          break
        }
        case Step.PackedFixed64: {
          const stop = reader.length()
          if (((stop - reader.at) & 7) !== 0) reader.fail(`${stop - reader.at} bytes of 64-bit numbers`)
          reader.at = stop
          break
        }
        case Step.Id: {
          const stop = reader.length()
          const { at, bytes } = reader
          if (stop - at === (tag === 0x0a ? 16 : 8)) {
            for (let i = at; i < stop; i++) {
              if (bytes[i] !== 0) {
                ids |= tag
                break
              }
            }
          }
          reader.at = stop
          break
        }
        default:
          unknown(reader, plan, tag)
      }
    }
    if (plan.hasIds && ids !== (0x0a | 0x12)) badIds++
  }

  const unknown = (reader: ProtoReader, plan: Plan, tag: number): void => {
    const number = tag >>> 3
    if (number === 0) reader.fail('field number 0')
    if (plan.byNumber[number] !== undefined) reader.fail(`field ${number} of ${plan.name} with wire type ${tag & 7}`)
    reader.skip(tag)
  }

  /** A `Resource…`: its items are those of its resource's service. */
  const walkGroup = (reader: ProtoReader, end: number, services: ServiceCount[]): void => {
    const before = items
    let service: string | undefined
    // The same as `walk` with a pause at the resource: field 1 here, the rest walked as one run of fields each.
    while (reader.at < end) {
      const start = reader.at
      const tag = reader.varint32()
      if (tag === 0x0a) {
        const stop = reader.length()
        const from = reader.at
        reader.end = stop
        walk(reader, resourcePlan, stop, 0)
        reader.at = from
        service = serviceIn(reader, stop) ?? service
        reader.at = stop
        reader.end = end
        continue
      }
      reader.skip(tag)
      const stop = reader.at
      reader.at = start
      reader.end = stop
      walk(reader, groupPlan, stop, 0)
      reader.end = end
    }
    if (service !== undefined && items > before) services.push({ service, items: items - before })
  }

  return (request) => {
    const reader = new ProtoReader(request)
    const { end } = reader
    let services: ServiceCount[] | undefined
    items = 0
    badIds = 0
    while (reader.at < end) {
      const tag = reader.varint32()
      if (tag !== 0x0a) {
        if (tag >>> 3 === 1) reader.fail(`field 1 of the request with wire type ${tag & 7}`)
        if (tag >>> 3 === 0) reader.fail('field number 0')
        reader.skip(tag)
        continue
      }
      const stop = reader.length()
      reader.end = stop
      services ??= []
      walkGroup(reader, stop, services)
      reader.end = end
    }
    return { items, services: services ?? noServices, badIds }
  }
}

/** Steps over a varint, which other readers refuse when it is too long. */
function varint(reader: ProtoReader): void {
  const { bytes, end } = reader
  const last = Math.min(end, reader.at + 10)
  for (let at = reader.at; at < last; at++) {
    if ((bytes[at] as number) < 0x80) {
      reader.at = at + 1
      return
    }
  }
  reader.fail(last === end ? 'cut off' : 'varint longer than 10 bytes')
}

const keyBytes = Buffer.from('service.name')

const isServiceName = (bytes: Uint8Array, start: number, end: number): boolean => {
  if (end - start !== keyBytes.length) return false
  for (let i = 0; i < keyBytes.length; i++) if (bytes[start + i] !== keyBytes[i]) return false
  return true
}

/** The `service.name` among the attributes of a resource that was walked before; undefined when it has none that is text. */
function serviceIn(reader: ProtoReader, end: number): string | undefined {
  let service: string | undefined
  while (reader.at < end) {
    const tag = reader.varint32()
    if (tag !== 0x0a) {
      reader.skip(tag)
      continue
    }
    const stop = reader.length()
    service = attributeIn(reader, stop) ?? service
    reader.at = stop
  }
  return service
}

/** The text of a KeyValue, when its key is `service.name`. Either may come first. */
function attributeIn(reader: ProtoReader, end: number): string | undefined {
  let ours = false
  let valueAt = 0
  let valueEnd = 0
  while (reader.at < end) {
    const tag = reader.varint32()
    if (tag !== 0x0a && tag !== 0x12) {
      reader.skip(tag)
      continue
    }
    const stop = reader.length()
    if (tag === 0x0a) ours = isServiceName(reader.bytes, reader.at, stop)
    else {
      valueAt = reader.at
      valueEnd = stop
    }
    reader.at = stop
  }
  if (!ours) return undefined
  reader.at = valueAt
  return textIn(reader, valueEnd)
}

/** The text of an AnyValue, at most as long as a label may be. */
function textIn(reader: ProtoReader, end: number): string | undefined {
  let text: string | undefined
  while (reader.at < end) {
    const tag = reader.varint32()
    if (tag !== 0x0a) {
      reader.skip(tag)
      continue
    }
    const stop = reader.length()
    const from = reader.bytes.byteOffset + reader.at
    // A character is at most four bytes; one that is cut becomes U+FFFD and is cut off with what follows.
    const shown = Math.min(stop - reader.at, longestService * 4)
    text = Buffer.from(reader.bytes.buffer, from, shown).toString('utf8').slice(0, longestService)
    reader.at = stop
  }
  return text
}
