/** Answers of Jaeger's query API, taken apart on their bytes: numbers of 64 bits stay as they are written (jaeger.md J-B5). */

import { eachElement, eachMember, endOfValue, skipSpace, textOf } from '../../ingest/elasticsearch/object-members.ts'
import { sourceFault } from '../../read/patient-client.ts'
import type { ApiSpan } from './api-windows.ts'

/** A span, and what stands around it in the answer. */
export interface JaegerApiSpan extends ApiSpan {
  readonly service: string
  /** `client`, `SPAN_KIND_SERVER`, `2`; '' when it has none. */
  readonly kind: string
  /** UI JSON: id and bytes of its process, quotes included. Third version: '' and its resource. */
  readonly processId: string
  readonly around: Uint8Array
  /** Third version: its scope, `{}` without one. */
  readonly scope: Uint8Array
}

/** What an answer holds of a service and a time. */
export interface ParsedAnswer {
  readonly spans: readonly JaegerApiSpan[]
  readonly others: number
  /** Ids of the traces, and how many spans each has. */
  readonly traces: ReadonlyMap<string, number>
  /** What the answer says went wrong; '' for nothing. */
  readonly fault: string
}

/** Which spans are wanted: of one service, `[fromMs, toMs)`. */
export interface Wanted {
  readonly service: string
  readonly fromMs: number
  readonly toMs: number
}

const noBytes = new Uint8Array(0)
const emptyObject = Buffer.from('{}')

/** The text of a JSON string; '' for what is none. */
function stringOf(bytes: Uint8Array, start: number, end: number): string {
  if (bytes[start] !== 0x22) return ''
  const raw = textOf(bytes, start + 1, end - 1)
  if (!/[\\\x80-\xff]/.test(raw)) return raw
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString())
  } catch {
    return raw
  }
}

/** The value of the tag `span.kind`, as far as it can be seen without reading tags: it makes two halves of a span two. */
function kindOf(bytes: Buffer): string {
  const at = bytes.indexOf('"span.kind"')
  return at < 0 ? '' : (/"value"\s*:\s*"(\w{1,16})"/.exec(bytes.toString('latin1', Math.max(0, at - 60), at + 90))?.[1] ?? '')
}

const asBuffer = (bytes: Uint8Array, start: number, end: number): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)

/** Why an answer that is no list of traces is none. */
const noAnswer = (name: string): Error => sourceFault('source_error', `cannot read ${name}: the answer is none of Jaeger’s`)

/** Reads `{"data": [Trace], "errors": […]}`. Throws OB_SOURCE for anything else. @param name of the source, for messages */
export function parseUiAnswer(body: Uint8Array, wanted: Wanted, name: string): ParsedAnswer {
  const fromMicros = wanted.fromMs * 1000
  const toMicros = wanted.toMs * 1000
  const spans: JaegerApiSpan[] = []
  const traces = new Map<string, number>()
  let others = 0
  let fault = ''
  let hasData = false

  const readTrace = (start: number, end: number): void => {
    const processes = new Map<string, { readonly service: string; readonly bytes: Uint8Array }>()
    let list: readonly [number, number] | undefined
    let traceId = ''
    eachMember(body, start, end, (key, from, to) => {
      if (key === 'traceID') traceId = stringOf(body, from, to)
      else if (key === 'spans') list = [from, to]
      else if (key === 'processes') {
        eachMember(body, from, to, (id, processFrom, processTo) => {
          processes.set(id, { service: serviceOf(body, processFrom, processTo), bytes: body.subarray(processFrom, processTo) })
        })
      }
    })
    let count = 0
    const readSpan = (from: number, to: number): void => {
      count++
      let trace = traceId
      let span = ''
      let place = Number.NaN
      let processId = ''
      let own: { readonly service: string; readonly bytes: Uint8Array } | undefined
      eachMember(body, from, to, (key, valueFrom, valueTo) => {
        if (key === 'traceID') trace = stringOf(body, valueFrom, valueTo)
        else if (key === 'spanID') span = stringOf(body, valueFrom, valueTo)
        else if (key === 'startTime') place = Number(textOf(body, valueFrom, valueTo))
        else if (key === 'processID') processId = textOf(body, valueFrom + 1, valueTo - 1)
        else if (key === 'process' && body[valueFrom] === 0x7b) own = { service: serviceOf(body, valueFrom, valueTo), bytes: noBytes }
      })
      const process = own ?? processes.get(processId)
      const isWanted = process?.service === wanted.service && place >= fromMicros && place < toMicros
      if (!isWanted || process === undefined) {
        others++
        return
      }
      const bytes = asBuffer(body, from, to)
      spans.push({
        place,
        trace,
        span,
        bytes,
        service: wanted.service,
        kind: kindOf(bytes),
        processId,
        around: process.bytes,
        scope: noBytes,
      })
    }
    if (list !== undefined) eachElement(body, list[0], list[1], readSpan)
    traces.set(traceId === '' ? `#${traces.size}` : traceId, count)
  }

  const isWhole = eachMember(body, 0, body.length, (key, from, to) => {
    if (key === 'data') {
      hasData = body[from] === 0x5b ? eachElement(body, from, to, readTrace) : textOf(body, from, to) === 'null'
    } else if (key === 'errors') {
      eachElement(body, from, to, (start, end) => {
        if (fault === '') fault = textOf(body, start, Math.min(end, start + 300))
      })
    }
  })
  if (!isWhole || (!hasData && fault === '')) throw noAnswer(name)
  return { spans, others, traces, fault }
}

function serviceOf(body: Uint8Array, start: number, end: number): string {
  let service = ''
  eachMember(body, start, end, (key, from, to) => {
    if (key === 'serviceName') service = stringOf(body, from, to)
  })
  return service
}

/** Reads what the third version answers: one `{"result": {"resourceSpans": […]}}` after the other, or `{"error": …}`. Throws OB_SOURCE for anything else. */
export function parseV3Answer(body: Uint8Array, wanted: Wanted, name: string): ParsedAnswer & { readonly hasHexIds: boolean } {
  const spans: JaegerApiSpan[] = []
  const traces = new Map<string, number>()
  let others = 0
  let fault = ''
  let hasHexIds = true

  const readScope = (start: number, end: number, resource: Uint8Array, service: string): void => {
    let scope: Uint8Array = emptyObject
    let list: readonly [number, number] | undefined
    eachMember(body, start, end, (key, from, to) => {
      if (key === 'scope') scope = body.subarray(from, to)
      else if (key === 'spans') list = [from, to]
    })
    if (list === undefined) return
    eachElement(body, list[0], list[1], (from, to) => {
      let trace = ''
      let span = ''
      let nanos = ''
      let kind = ''
      eachMember(body, from, to, (key, valueFrom, valueTo) => {
        if (key === 'traceId') trace = stringOf(body, valueFrom, valueTo)
        else if (key === 'spanId') span = stringOf(body, valueFrom, valueTo)
        else if (key === 'startTimeUnixNano') nanos = textOf(body, valueFrom, valueTo).replaceAll('"', '')
        else if (key === 'kind') kind = textOf(body, valueFrom, valueTo).replaceAll('"', '')
      })
      if (!/^[0-9a-f]{32}$/i.test(trace)) hasHexIds = false
      traces.set(trace, (traces.get(trace) ?? 0) + 1)
      const place = nanos.length > 3 ? Number(nanos.slice(0, -3)) : 0
      if (service !== wanted.service || !(place >= wanted.fromMs * 1000 && place < wanted.toMs * 1000)) {
        others++
        return
      }
      spans.push({ place, trace, span, bytes: asBuffer(body, from, to), service, kind, processId: '', around: resource, scope })
    })
  }

  const readResource = (start: number, end: number): void => {
    let resource: Uint8Array = emptyObject
    const scopes: (readonly [number, number])[] = []
    eachMember(body, start, end, (key, from, to) => {
      if (key === 'resource') resource = body.subarray(from, to)
      else if (key === 'scopeSpans') eachElement(body, from, to, (one, behind) => void scopes.push([one, behind]))
    })
    const service = serviceOfResource(resource)
    for (const [from, to] of scopes) readScope(from, to, resource, service)
  }

  for (let at = skipSpace(body, 0, body.length); at < body.length; ) {
    const end = endOfValue(body, at, body.length)
    let known = false
    const isWhole = eachMember(body, at, end, (key, from, to) => {
      if (key === 'result') {
        known = true
        eachMember(body, from, to, (inner, listFrom, listTo) => {
          if (inner === 'resourceSpans') eachElement(body, listFrom, listTo, readResource)
        })
      } else if (key === 'error') {
        known = true
        fault = textOf(body, from, Math.min(to, from + 300))
      }
    })
    // A piece that is cut off is an answer that is cut off: nothing of it counts.
    if (!isWhole || !known || end === at) throw noAnswer(name)
    at = skipSpace(body, end, body.length)
  }
  return { spans, others, traces, fault, hasHexIds }
}

function serviceOfResource(resource: Uint8Array): string {
  let service = ''
  eachMember(resource, 0, resource.length, (key, from, to) => {
    if (key !== 'attributes') return
    eachElement(resource, from, to, (start, end) => {
      let isName = false
      let value = ''
      eachMember(resource, start, end, (name, valueFrom, valueTo) => {
        if (name === 'key') isName = stringOf(resource, valueFrom, valueTo) === 'service.name'
        else if (name === 'value')
          eachMember(resource, valueFrom, valueTo, (type, textFrom, textTo) => {
            if (type === 'stringValue') value = stringOf(resource, textFrom, textTo)
          })
      })
      if (isName) service = value
    })
  })
  return service
}

const comma = Buffer.from(',')

/** Joins values with commas. */
export function joined(values: readonly Uint8Array[]): Buffer {
  const pieces: Uint8Array[] = []
  for (const value of values) pieces.push(...(pieces.length === 0 ? [value] : [comma, value]))
  return Buffer.concat(pieces)
}

/** Spans as a list of traces in UI JSON, each with the processes of its spans. */
export function uiPayload(spans: readonly JaegerApiSpan[]): Buffer {
  const traces = new Map<Uint8Array, JaegerApiSpan[]>()
  // Spans of one process stand together: ids of processes mean something within their own trace alone.
  for (const span of spans) {
    const found = traces.get(span.around)
    if (found === undefined) traces.set(span.around, [span])
    else found.push(span)
  }
  const values = [...traces].map(([process, list]) => {
    const head = Buffer.from('{"spans":[')
    if (process.length === 0) return Buffer.concat([head, joined(list.map(({ bytes }) => bytes)), Buffer.from(']}')])
    const id = Buffer.from(`],"processes":{"${list[0]?.processId ?? ''}":`, 'latin1')
    return Buffer.concat([head, joined(list.map(({ bytes }) => bytes)), id, process, Buffer.from('}}')])
  })
  return Buffer.concat([Buffer.from('['), joined(values), Buffer.from(']')])
}

/** Spans as one OTLP/JSON request: those of one resource and scope together. */
export function otlpPayload(spans: readonly JaegerApiSpan[]): Buffer {
  const resources = new Map<
    string,
    { readonly resource: Uint8Array; readonly scopes: Map<string, { scope: Uint8Array; list: Uint8Array[] }> }
  >()
  const keyOf = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  for (const { around, scope, bytes } of spans) {
    const key = keyOf(around)
    let resource = resources.get(key)
    if (resource === undefined) resources.set(key, (resource = { resource: around, scopes: new Map() }))
    const scopeKey = keyOf(scope)
    let group = resource.scopes.get(scopeKey)
    if (group === undefined) resource.scopes.set(scopeKey, (group = { scope, list: [] }))
    group.list.push(bytes)
  }
  const values = [...resources.values()].map(({ resource, scopes }) => {
    const groups = [...scopes.values()].map(({ scope, list }) =>
      Buffer.concat([Buffer.from('{"scope":'), scope, Buffer.from(',"spans":['), joined(list), Buffer.from(']}')]),
    )
    return Buffer.concat([Buffer.from('{"resource":'), resource, Buffer.from(',"scopeSpans":['), joined(groups), Buffer.from(']}')])
  })
  return Buffer.concat([Buffer.from('{"resourceSpans":['), joined(values), Buffer.from(']}')])
}
