/** `jaeger-cassandra`: spans in the Cassandra of a Jaeger, v1 or v2 (mapping/backfill.md 2.12). */

import { z } from 'zod'
import { ReverseWriter } from '../../otlp/encode/writer.ts'
import type { SourceDeps } from '../source.ts'
import type { SourceKind } from '../source-kind.ts'
import type { KeyForm } from './cassandra-reader.ts'
import { type CassandraKind, cassandraKeys, connectCassandra, isWithin, keyspaceName, openCassandraSource } from './cassandra-source.ts'
import type { CqlRow, Long64 } from './cassandra-store.ts'
import { type JaegerRow, numberOf, writeSpan } from './jaeger-cassandra-row.ts'
import { type RowItem, refuseQuery } from './row-page.ts'

const options = z.strictObject({
  ...cassandraKeys,
  keyspace: keyspaceName
    .optional()
    .describe('Keyspace of the old Jaeger, such as jaeger_v1_dc1. Default: the one that has a table `traces`.'),
})

type Options = z.output<typeof options>

const isLong = (value: unknown): value is Long64 => typeof value === 'object' && value !== null && 'high' in value && 'low' in value

const blob: KeyForm = {
  text: (value) => (value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex') : ''),
  bound: (text) => Buffer.from(text, 'hex'),
}

/** Signed, as CQL has it. */
const bigint: KeyForm = {
  text: (value) => String(value),
  bound: (text, store) => store.long(text),
}

const writeKey = (key: Buffer, value: unknown, at: number): void => {
  if (!isLong(value)) return
  key.writeInt32BE(value.high | 0, at)
  key.writeInt32BE(value.low | 0, at + 4)
}

/** trace_id, span_id, span_hash */
function identityOf(trace: Uint8Array, row: JaegerRow): Buffer {
  const key = Buffer.alloc(trace.length + 16)
  key.set(trace)
  writeKey(key, row.span_id, trace.length)
  writeKey(key, row.span_hash, trace.length + 8)
  return key
}

const noBytes = new Uint8Array(0)

/** Creates what reads a row. */
export function createJaegerRowReader(filter: SourceDeps['filter']): (row: CqlRow) => RowItem {
  const writer = new ReverseWriter()
  const services = new Set(filter.services)
  return (row: JaegerRow) => {
    const trace = row.trace_id ?? noBytes
    const identity = identityOf(trace, row)
    const where = `${identity.toString('hex', 0, trace.length)}/${identity.toString('hex', trace.length, trace.length + 8)}`
    const ms = isLong(row.start_time) ? Math.floor(numberOf(row.start_time) / 1000) : Number.NaN
    const left = (skip: string, message = ''): RowItem => ({ payload: noBytes, skip, message, where, ms, receivedMs: 0, identity })
    if (Number.isNaN(ms)) return left('not_a_span', 'the row has no start_time')
    if (!isWithin(ms, filter)) return left('filtered')
    if (services.size > 0 && !services.has(row.process?.service_name ?? '')) return left('other_service')
    return { payload: writeSpan(writer, row), skip: '', message: '', where, ms, receivedMs: 0, identity }
  }
}

/** Spans as the body of PostSpans: a batch. */
export function joinSpans(payloads: readonly Uint8Array[]): Uint8Array {
  let length = payloads.reduce((all, one) => all + one.length, 0)
  const head = [0x0a]
  for (; length > 0x7f; length = Math.floor(length / 128)) head.push((length & 0x7f) | 0x80)
  head.push(length)
  return Buffer.concat([Uint8Array.from(head), ...payloads])
}

/** The table as Jaeger makes it. */
export async function jaegerTable(keyspace: string | undefined, deps: SourceDeps): Promise<CassandraKind> {
  return {
    kind: 'jaeger-cassandra',
    keyspace,
    form: { table: 'traces', partition: 'trace_id', clustering: ['span_id', 'span_hash'], keys: [blob, bigint, bigint] },
    needed: ['start_time'],
    wanted: ['parent_id', 'operation_name', 'flags', 'duration', 'tags', 'logs', 'refs', 'process'],
    translate: await deps.translator('jaeger-proto'),
    read: createJaegerRowReader(deps.filter),
    join: joinSpans,
  }
}

async function open(given: Options, deps: SourceDeps) {
  refuseQuery(deps, 'jaeger-cassandra')
  const kind = await jaegerTable(given.keyspace, deps)
  return openCassandraSource(kind, await connectCassandra(given, deps), given.slices, deps)
}

/** Command `otlp-bridge backfill jaeger-cassandra --contact-points cassandra:9042`. */
export const jaegerCassandra: SourceKind = { options, open: (given, _args, deps) => open(options.parse(given), deps) }
