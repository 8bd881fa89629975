/** The shared vectors, each with the way in which a client would send it. */

import { createSocket } from 'node:dgram'
import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { vectorFiles } from '../support/shared.ts'
import type { Origin } from './differences.ts'
import { callGrpc } from './grpc-call.ts'
import type { Receivers, Sent } from './paths.ts'

/** Bytes to be sent to every receiver. */
export interface Sending {
  readonly name: string
  readonly origin: Origin
  /** Sends to all; the first decides what counts as accepted. */
  send(receivers: readonly Receivers[]): Promise<Sent>
}

type Put = (receiver: Receivers, bytes: Uint8Array) => Promise<boolean>

const post =
  (port: 'thriftHttp' | 'zipkin', path: string, type: string): Put =>
  async (receiver, bytes) => {
    const url = `http://127.0.0.1:${receiver[port]}${path}`
    const reply = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body: Uint8Array.from(bytes) })
    await reply.arrayBuffer()
    return reply.ok
  }

const datagram =
  (port: 'compact' | 'binary'): Put =>
  async (receiver, bytes) => {
    const socket = createSocket('udp4')
    await new Promise((done) => socket.send(bytes, receiver[port], '127.0.0.1', done))
    socket.close()
    return true
  }

const postSpans: Put = async (receiver, bytes) =>
  (await callGrpc(receiver.grpc, '/jaeger.api_v2.CollectorService/PostSpans', bytes)).code === 0

const jaegerWays: Readonly<Record<string, readonly [Origin, Put]>> = {
  'http.bin': ['jaeger-thrift', post('thriftHttp', '/api/traces', 'application/x-thrift')],
  'udp-compact.bin': ['jaeger-thrift', datagram('compact')],
  'udp-binary.bin': ['jaeger-thrift', datagram('binary')],
  'udp-binary-nonstrict.bin': ['jaeger-thrift', datagram('binary')],
  'postspans.bin': ['jaeger-proto', postSpans],
}

/** By the format that a golden says. */
const zipkinWays: Readonly<Record<string, readonly [Origin, Put]>> = {
  v2json: ['zipkin-v2', post('zipkin', '/api/v2/spans', 'application/json')],
  v1json: ['zipkin-v1', post('zipkin', '/api/v1/spans', 'application/json')],
  v2proto: ['zipkin-proto', post('zipkin', '/api/v2/spans', 'application/x-protobuf')],
  v1thrift: ['zipkin-thrift', post('zipkin', '/api/v1/spans', 'application/x-thrift')],
}

interface Golden {
  readonly format: string
  readonly otlp: {
    readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly { readonly traceId: string }[] }[] }[]
  }
  readonly rejected?: readonly unknown[]
}

/** The vectors of a format that can be sent to Jaeger v2; none, with a warning, where the shared folder is absent. */
export function vectorSendings(format: 'jaeger' | 'zipkin'): Sending[] {
  return vectorFiles(format).flatMap((file): Sending[] => {
    const [, stem = '', kind = ''] = /^(.*?)\.([^/]*)$/.exec(file) ?? []
    if (!existsSync(`${stem}.expected.json`)) return []
    const golden = JSON.parse(readFileSync(`${stem}.expected.json`, 'utf8')) as Golden
    // Zipkin datagrams are left out: one of them ends the process of Jaeger v2 (J-U3).
    const way = format === 'jaeger' ? jaegerWays[kind] : kind === 'json' || kind === 'bin' ? zipkinWays[golden.format] : undefined
    if (way === undefined) return []
    const [origin, put] = way
    const spans = golden.otlp.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans))
    const bytes = readFileSync(file)
    const send = async (receivers: readonly Receivers[]): Promise<Sent> => {
      const taken: boolean[] = []
      for (const receiver of receivers) taken.push(await put(receiver, bytes))
      return {
        traceIds: [...new Set(spans.map(({ traceId }) => traceId))],
        spans: spans.length + (golden.rejected?.length ?? 0),
        accepted: taken[0] === true ? spans.length : 0,
      }
    }
    return [{ name: basename(file), origin, send }]
  })
}
