/**
 * `zipkin-cassandra`: spans in the Cassandra of a Zipkin, keyspace `zipkin2` (mapping/backfill.md 2.12). A row is a v2 span:
 *
 *     trace_id, trace_id_high, id, parent_id, kind, span text  ts, duration bigint µs  ts_uuid timeuuid
 *     l_ep, r_ep endpoint{service, ipv4 inet, ipv6 inet, port}  annotations list<annotation{ts, v}>  tags map  debug, shared boolean
 *
 * With `strictTraceId=false` the upper half of an id stands in trace_id_high. Spans without a time have null in ts, and the moment they came in ts_uuid.
 */

import { z } from 'zod'
import type { SourceDeps } from '../source.ts'
import type { SourceKind } from '../source-kind.ts'
import type { KeyForm } from './cassandra-reader.ts'
import { type CassandraKind, cassandraKeys, connectCassandra, isWithin, keyspaceName, openCassandraSource } from './cassandra-source.ts'
import type { CqlRow } from './cassandra-store.ts'
import { type RowItem, refuseQuery } from './row-page.ts'

const options = z.strictObject({
  ...cassandraKeys,
  keyspace: keyspaceName.default('zipkin2').describe('Keyspace of the old Zipkin. That of the first storage, `zipkin`, is not read.'),
})

type Options = z.output<typeof options>

interface EndpointType {
  readonly service?: string | null
  readonly ipv4?: { toString(): string } | null
  readonly ipv6?: { toString(): string } | null
  readonly port?: number | null
}

interface AnnotationType {
  readonly ts?: { toString(): string } | null
  readonly v?: string | null
}

/** A row as the driver gives it; old schemas lack some. */
export interface ZipkinRow extends CqlRow {
  readonly trace_id?: string | null
  readonly trace_id_high?: string | null
  readonly ts_uuid?: { toString(): string } | null
  readonly id?: string | null
  readonly parent_id?: string | null
  readonly kind?: string | null
  readonly span?: string | null
  readonly ts?: { toString(): string } | null
  readonly duration?: { toString(): string } | null
  readonly l_ep?: EndpointType | null
  readonly r_ep?: EndpointType | null
  readonly annotations?: readonly AnnotationType[] | null
  readonly tags?: ReadonlyMap<string, string> | null
  readonly debug?: boolean | null
  readonly shared?: boolean | null
}

const text: KeyForm = { text: (value) => String(value), bound: (one) => one }
const noBytes = new Uint8Array(0)

const isGiven = <T>(value: T | null | undefined): value is T => value !== null && value !== undefined

const member = (name: string, value: string | null | undefined): string => (isGiven(value) ? `,"${name}":${JSON.stringify(value)}` : '')

/** Digits as they are: no number of 64 bits goes through a double. */
const digits = (name: string, value: { toString(): string } | null | undefined): string => (isGiven(value) ? `,"${name}":${value}` : '')

function endpoint(name: string, one: EndpointType | null | undefined): string {
  if (!isGiven(one)) return ''
  const members = `${member('serviceName', one.service)}${member('ipv4', one.ipv4?.toString())}${member('ipv6', one.ipv6?.toString())}${
    isGiven(one.port) && one.port !== 0 ? `,"port":${one.port}` : ''
  }`
  return `,"${name}":{${members.slice(1)}}`
}

/** The row as an object of Zipkin's v2 JSON. */
export function spanJson(row: ZipkinRow): string {
  const { trace_id, trace_id_high, annotations, tags } = row
  const high = isGiven(trace_id_high) && (trace_id ?? '').length <= 16 ? trace_id_high : ''
  const trace = high === '' ? (trace_id ?? '') : `${high}${(trace_id ?? '').padStart(16, '0')}`
  const events = (annotations ?? []).map(({ ts, v }) => `{"timestamp":${ts ?? 0},"value":${JSON.stringify(v ?? '')}}`)
  const list = [...(tags ?? [])].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
  return [
    `{"traceId":${JSON.stringify(trace)}`,
    member('id', row.id),
    member('parentId', row.parent_id),
    member('kind', row.kind),
    member('name', row.span),
    digits('timestamp', row.ts),
    digits('duration', row.duration),
    endpoint('localEndpoint', row.l_ep),
    endpoint('remoteEndpoint', row.r_ep),
    events.length === 0 ? '' : `,"annotations":[${events.join(',')}]`,
    list.length === 0 ? '' : `,"tags":{${list.join(',')}}`,
    row.debug === true ? ',"debug":true' : '',
    row.shared === true ? ',"shared":true' : '',
    '}',
  ].join('')
}

/** Milliseconds of a time UUID; NaN for what is none. */
export function uuidMs(uuid: string): number {
  const [low = '', middle = '', high = ''] = uuid.split('-')
  const ticks = BigInt(`0x${high.slice(1)}${middle}${low}`)
  return high.startsWith('1') ? Number((ticks - 0x01b21dd213814000n) / 10_000n) : Number.NaN
}

/** Creates what reads a row. */
export function createZipkinRowReader(filter: SourceDeps['filter']): (row: CqlRow) => RowItem {
  const services = new Set(filter.services.map((name) => name.toLowerCase()))
  return (row: ZipkinRow) => {
    const uuid = String(row.ts_uuid)
    const own = isGiven(row.ts) ? Math.floor(Number(row.ts) / 1000) : 0
    const receivedMs = own > 0 ? 0 : uuidMs(uuid)
    const ms = own > 0 ? own : receivedMs
    const where = `${row.trace_id ?? ''}/${row.id ?? ''}`
    const identity = Buffer.from(`${row.trace_id ?? ''}/${uuid}/${row.id ?? ''}`)
    const left = (skip: string): RowItem => ({ payload: noBytes, skip, message: '', where, ms, receivedMs, identity })
    if (!isWithin(ms, filter)) return left('filtered')
    if (services.size > 0 && !services.has((row.l_ep?.service ?? '').toLowerCase())) return left('other_service')
    return { payload: Buffer.from(spanJson(row)), skip: '', message: '', where, ms, receivedMs, identity }
  }
}

/** Spans as a list. */
export function joinList(payloads: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from('[')]
  payloads.forEach((one, index) => {
    if (index > 0) parts.push(Buffer.from(','))
    parts.push(one)
  })
  parts.push(Buffer.from(']'))
  return Buffer.concat(parts)
}

/** The table as Zipkin makes it. */
export async function zipkinTable(keyspace: string, deps: SourceDeps): Promise<CassandraKind> {
  return {
    kind: 'zipkin-cassandra',
    keyspace,
    form: { table: 'span', partition: 'trace_id', clustering: ['ts_uuid', 'id'], keys: [text, text, text] },
    needed: ['ts'],
    wanted: ['trace_id_high', 'parent_id', 'kind', 'span', 'duration', 'l_ep', 'r_ep', 'annotations', 'tags', 'debug', 'shared'],
    translate: await deps.translator('zipkin-json'),
    read: createZipkinRowReader(deps.filter),
    join: joinList,
  }
}

async function open(given: Options, deps: SourceDeps) {
  refuseQuery(deps, 'zipkin-cassandra')
  const kind = await zipkinTable(given.keyspace, deps)
  return openCassandraSource(kind, await connectCassandra(given, deps), given.slices, deps)
}

/** Command `otlp-bridge backfill zipkin-cassandra --contact-points cassandra:9042`. */
export const zipkinCassandra: SourceKind = { options, open: (given, _args, deps) => open(options.parse(given), deps) }
