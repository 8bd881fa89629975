/**
 * One connection to an old Logstash: windows out, acknowledgements in. Version 2 of the protocol of Beats:
 *
 *     window  '2' 'W' u32 count       event  '2' 'J' u32 number u32 length payload
 *     ack     '2' 'A' u32 number      compressed  '2' 'C' u32 length zlib(events)
 *
 * Numbers of events go on from window to window: a sign of life that repeats the last number of the window before is no acknowledgement of this one.
 */

import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type SecureContext } from 'node:tls'
import { promisify } from 'node:util'
import { deflate, deflateSync } from 'node:zlib'

export interface LumberjackOptions {
  /** `tcp://host:port` or `tls://host:port` */
  readonly url: string
  /** 0: not compressed. */
  readonly compression: number
  readonly connectTimeoutMs: number
  /** The other side may be silent for so long while it has something to acknowledge. */
  readonly silenceMs: number
  readonly secureContext?: SecureContext | undefined
  /** The other side acknowledges how many events a window has, whatever their numbers: then each begins at 1. */
  readonly countsAnew?: boolean | undefined
}

export interface LumberjackConnection {
  /**
   * Sends a window; one at a time. Resolves when it is acknowledged whole. Rejects when the connection broke or was silent for too long.
   * @param onAck how many events of it are acknowledged
   */
  send(events: readonly Uint8Array[], onAck: (events: number) => void): Promise<void>
  /** Some of a window has left on it. */
  readonly hasSent: boolean
  /** It fell silent after it had acknowledged the count of a window whose numbers are others. */
  readonly seemsToCount: boolean
  /** False once it is broken or closed by the other side. */
  readonly isUsable: boolean
  close(): void
}

const deflateAsync = promisify<Uint8Array, { level: number }, Buffer>(deflate)

/** Up to here compressing at once is cheaper than a round trip through the thread pool. */
const syncBytes = 64 * 1024

const frameHeadBytes = 10
const ackBytes = 6

/** Before they could be too large for 32 bits they begin anew. */
const lastNumber = 2 ** 31

/** @param before number of the event before the first */
function framesOf(events: readonly Uint8Array[], before: number): Buffer {
  let size = 0
  for (const event of events) size += frameHeadBytes + event.length
  const frames = Buffer.allocUnsafe(size)
  let at = 0
  for (let number = 1; number <= events.length; number++) {
    const event = events[number - 1] as Uint8Array
    frames.write('2J', at, 'latin1')
    frames.writeUInt32BE(before + number, at + 2)
    frames.writeUInt32BE(event.length, at + 6)
    frames.set(event, at + frameHeadBytes)
    at += frameHeadBytes + event.length
  }
  return frames
}

function headed(kind: 'W' | 'C', value: number): Buffer {
  const head = Buffer.allocUnsafe(6)
  head.write(`2${kind}`, 0, 'latin1')
  head.writeUInt32BE(value, 2)
  return head
}

function openSocket({ url, secureContext }: LumberjackOptions): Socket {
  const { hostname, port, protocol } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  if (protocol === 'tcp:') return connectTcp({ host, port: Number(port), noDelay: true })
  const socket = connectTls({
    host,
    port: Number(port),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(secureContext === undefined ? {} : { secureContext }),
  })
  socket.setNoDelay(true)
  return socket
}

const silent = (ms: number): Error =>
  Object.assign(new Error(`no acknowledgement and no sign of life within ${ms} ms`), { code: 'ETIMEDOUT' })

/** Connects. Rejects when that does not succeed in time. */
export async function openLumberjack(options: LumberjackOptions): Promise<LumberjackConnection> {
  const socket = openSocket(options)
  let broken: Error | undefined
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(silent(options.connectTimeoutMs)), options.connectTimeoutMs)
    socket.once(socket instanceof Object && 'encrypted' in socket ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
      resolve()
    })
    socket.on('error', (error) => {
      broken ??= error
    })
    socket.once('close', () => {
      clearTimeout(timer)
      broken ??= Object.assign(new Error('the old side closed the connection'), { code: 'ECONNRESET' })
      reject(broken)
    })
  })

  let hasSent = false
  let window: { readonly before: number; readonly count: number; acked: number; heard(): void; finish(error?: Error): void } | undefined
  /** The number of the last event sent. */
  let last = 0
  let heardCounts = 0
  let seemsToCount = false
  let rest: Buffer = Buffer.alloc(0)

  socket.on('close', () => window?.finish(broken))
  socket.on('end', () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    for (; rest.length - at >= ackBytes; at += ackBytes) {
      if (rest[at + 1] !== 0x41 || (rest[at] !== 0x32 && rest[at] !== 0x31)) {
        socket.destroy(new Error('the old side answered with something else than an acknowledgement'))
        return
      }
      take(rest.readUInt32BE(at + 2))
    }
    rest = rest.subarray(at)
  })

  const take = (number: number): void => {
    if (window === undefined) return
    window.heard()
    if (number === window.count) heardCounts++
    const acked = number - window.before
    // 0, or what it has said before, is a sign of life; more than there are is none of ours.
    if (acked <= window.acked || acked > window.count) return
    window.acked = acked
    if (acked === window.count) window.finish()
  }

  return {
    async send(events, onAck) {
      if (broken !== undefined) throw broken
      if (events.length === 0) return
      const before = options.countsAnew === true || last > lastNumber ? 0 : last
      last = before + events.length
      const frames = framesOf(events, before)
      const { compression: level } = options
      const packed =
        level === 0 ? frames : frames.length <= syncBytes ? deflateSync(frames, { level }) : await deflateAsync(frames, { level })
      if (broken !== undefined) throw broken
      await new Promise<void>((resolve, reject) => {
        const late = (): void => {
          seemsToCount = before > 0 && heardCounts === 1
          socket.destroy(silent(options.silenceMs))
        }
        heardCounts = 0
        let timer = setTimeout(late, options.silenceMs)
        window = {
          before,
          count: events.length,
          acked: 0,
          heard() {
            clearTimeout(timer)
            timer = setTimeout(late, options.silenceMs)
          },
          finish(error) {
            clearTimeout(timer)
            const acked = window?.acked ?? 0
            window = undefined
            onAck(acked)
            if (error === undefined && acked === events.length) resolve()
            else reject(error ?? broken ?? new Error('the old side closed the connection'))
          },
        }
        hasSent = true
        socket.cork()
        socket.write(headed('W', events.length))
        if (level !== 0) socket.write(headed('C', packed.length))
        socket.write(packed)
        socket.uncork()
      })
    },
    get hasSent() {
      return hasSent
    },
    get seemsToCount() {
      return seemsToCount
    },
    get isUsable() {
      return broken === undefined && !socket.destroyed && socket.readyState === 'open'
    },
    close: () => void socket.destroy(),
  }
}
