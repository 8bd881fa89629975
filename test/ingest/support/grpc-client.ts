/** The official gRPC client over bytes, and HTTP/2 by hand, against a listener. */

import { connect, type Socket } from 'node:net'
import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  type ClientOptions,
  compressionAlgorithms,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js'
import { type Frame, framesIn } from '../../support/http2-frames.ts'

const same = (bytes: Buffer): Buffer => bytes

/** What became of a call. */
export interface Outcome {
  readonly code: number
  readonly message: string
  readonly reply: Buffer | undefined
  readonly trailers: Metadata
}

export interface GrpcClient {
  call(path: string, message: Uint8Array, metadata?: Record<string, string>, options?: CallOptions): Promise<Outcome>
  /** A call whose answers come one by one. */
  watch(path: string, message: Uint8Array): { readonly replies: string[]; readonly code: Promise<number>; cancel(): void }
  close(): void
}

/** `grpc://127.0.0.1:14250` → `127.0.0.1:14250` */
export const targetOf = (address: string): string => address.replace(/^grpcs?:\/\//, '')

/** Options that make a client compress what it sends. */
export const gzipOptions: ClientOptions = { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip }

export function createClient(
  address: string,
  options: ClientOptions = {},
  secrets: ChannelCredentials = credentials.createInsecure(),
): GrpcClient {
  const client = new Client(targetOf(address), secrets, { 'grpc.max_send_message_length': -1, 'grpc.enable_retries': 0, ...options })
  const metadataOf = (values: Record<string, string>): Metadata => {
    const metadata = new Metadata()
    for (const [name, value] of Object.entries(values)) metadata.set(name, value)
    return metadata
  }
  return {
    call: (path, message, metadata = {}, callOptions = {}) =>
      new Promise((resolve) => {
        client.makeUnaryRequest(
          path,
          same,
          same,
          Buffer.from(message),
          metadataOf(metadata),
          callOptions,
          (error: ServiceError | null, reply) => {
            resolve({ code: error?.code ?? 0, message: error?.details ?? '', reply, trailers: error?.metadata ?? new Metadata() })
          },
        )
      }),
    watch(path, message) {
      const replies: string[] = []
      const stream = client.makeServerStreamRequest(path, same, same, Buffer.from(message))
      stream.on('data', (reply: Buffer) => void replies.push(reply.toString('hex')))
      const code = new Promise<number>((resolve) => {
        stream.on('error', (error: Error & { code?: number }) => resolve(error.code ?? -1))
        stream.on('end', () => resolve(0))
      })
      return { replies, code, cancel: () => stream.cancel() }
    },
    close: () => client.close(),
  }
}

export interface RawHttp2 {
  send(...bytes: Uint8Array[]): void
  /** Frames that came so far. */
  frames(): Frame[]
  /** Resolves with all frames when one is there that the test wants, or the connection is closed. */
  until(wanted: (frame: Frame) => boolean): Promise<Frame[]>
  /** Everything received, once the other side has closed. */
  closed(): Promise<Buffer>
  destroy(): void
}

/** A connection that sends what it is told. */
export async function openHttp2(address: string): Promise<RawHttp2> {
  const { hostname, port } = new URL(address)
  const socket: Socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ''))
  let got = Buffer.alloc(0)
  let ended = false
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const check of waiting) check()
  }
  socket.on('data', (piece) => {
    got = Buffer.concat([got, piece])
    wake()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    ended = true
    wake()
  })
  const when = <T>(condition: () => boolean, result: () => T): Promise<T> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return
        waiting.delete(check)
        resolve(result())
      }
      waiting.add(check)
      check()
    })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', () => resolve())
    socket.once('error', reject)
  })
  const frames = (): Frame[] => framesIn(got)
  return {
    send: (...bytes) => void socket.write(Buffer.concat(bytes)),
    frames,
    until: (wanted) => when(() => ended || frames().some(wanted), frames),
    closed: () =>
      when(
        () => ended,
        () => got,
      ),
    destroy: () => void socket.destroy(),
  }
}
