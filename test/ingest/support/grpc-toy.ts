/** A gRPC listener of a toy service, and calls to it. */

import { afterEach } from 'vitest'
import type { Listener } from '../../../src/ingest/adapter.ts'
import { startGrpc } from '../../../src/ingest/grpc.ts'
import type { GrpcMethod, GrpcOptions } from '../../../src/ingest/grpc-method.ts'
import { createReceiver } from '../../../src/ingest/receive.ts'
import { grpcLimits, grpcTimeouts } from '../../../src/ingest/schema.ts'
import { HpackDecoder } from '../../../src/net/hpack.ts'
import { Flag, FrameType } from '../../../src/net/http2-frames.ts'
import { type Frame, hello } from '../../support/http2-frames.ts'
import { countsOf, createFakeDeps, type FakeDeps, toyTranslate } from './fakes.ts'
import { createClient, type GrpcClient, openHttp2, type RawHttp2 } from './grpc-client.ts'

export const path = '/toy.Collector/Post'
export const health = '/grpc.health.v1.Health'
export const empty = new Uint8Array(0)

export const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

export interface Started {
  readonly listener: Listener
  readonly address: string
  readonly deps: FakeDeps
  readonly trouble: { now: string | undefined }
}

export interface Settings {
  readonly limits?: object
  readonly timeouts?: object
  readonly methods?: readonly GrpcMethod[]
  readonly options?: Partial<GrpcOptions>
}

export async function start({ limits = {}, timeouts = {}, methods = [], options = {} }: Settings = {}): Promise<Started> {
  const deps = createFakeDeps()
  const trouble: Started['trouble'] = { now: undefined }
  const receiver = createReceiver({ format: 'toy', transport: 'grpc', translate: toyTranslate }, deps)
  const listener = await startGrpc(
    {
      section: 'ingest.toy.grpc',
      host: '127.0.0.1',
      port: 0,
      limits: grpcLimits.parse(limits),
      timeouts: grpcTimeouts.parse(timeouts),
      bodies: [{ path, receiver }],
      methods,
      trouble: () => trouble.now,
      ...options,
    },
    deps,
  )
  closers.push(() => listener.stop(0))
  return { listener, address: listener.addresses[0] ?? '', deps, trouble }
}

export const clientOf = (
  address: string,
  ...more: Parameters<typeof createClient> extends [string, ...infer R] ? R : never
): GrpcClient => {
  const client = createClient(address, ...more)
  closers.push(() => client.close())
  return client
}

export const rawOf = async (address: string): Promise<RawHttp2> => {
  const raw = await openHttp2(address)
  closers.push(() => raw.destroy())
  return raw
}

/** The fields of every header block on a stream, one after the other. */
export const fieldsOf = (frames: readonly Frame[], id: number): Record<string, string> => {
  const fields: Record<string, string> = {}
  for (const frame of frames) {
    if (frame.type !== FrameType.Headers || frame.id !== id) continue
    new HpackDecoder().decode(frame.payload, 0, frame.payload.length, (name, value) => {
      fields[name] = value
    })
  }
  return fields
}

export const answered = (id: number) => (frame: Frame) =>
  frame.id === id && (frame.flags & Flag.EndStream) !== 0 && frame.type === FrameType.Headers

/** Sends one call by hand and gives the fields of its answer. */
export const callRaw = async (address: string, ...frames: Uint8Array[]): Promise<Record<string, string>> => {
  const raw = await rawOf(address)
  raw.send(hello(), ...frames)
  return fieldsOf(await raw.until(answered(1)), 1)
}

export const refusedOf = (deps: FakeDeps): Record<string, number> => countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')
export const closedOf = (deps: FakeDeps): Record<string, number> => countsOf(deps.metrics, 'otlp_bridge_connections_closed_total', 'reason')
