/**
 * Datagrams in, batches out. Sockets are emptied at once into a bounded backlog, because the kernel's buffer is small and
 * what does not fit there is lost; translation then takes turns with everything else on the event loop.
 */

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { performance } from 'node:perf_hooks'
import { BridgeError } from '../errors.ts'
import type { AdapterDeps, BodyTranslator, Listener, TranslatedBody } from './adapter.ts'
import { type Bound, bindAll, urlHost } from './addresses.ts'
import { createCoalescer } from './coalesce.ts'
import { watchKernelDrops } from './kernel-drops.ts'
import { isUndecodable, nothingOf, reasonOf } from './legacy.ts'
import type { MirrorDoor, RequestHead } from './mirror-door.ts'
import { asBridgeError, cellsByReason, createItemBooks } from './receive.ts'

export interface UdpOptions {
  /** Section of the configuration, for messages: `ingest.jaeger.compact`. */
  readonly section: string
  /** Format label of this port. */
  readonly format: string
  readonly host: string
  readonly port: number
  /** Bytes asked of the kernel. */
  readonly receiveBuffer: number
  /** Bytes of datagrams that may wait for translation. */
  readonly backlog: number
  /** When spans of several datagrams are queued together, and how much is kept while the queue is full. */
  readonly batch: { readonly items: number; readonly bytes: number; readonly delay: number; readonly hold: number }
  readonly translate: BodyTranslator
}

/**
 * Datagrams that come one by one wait this long for others: many translated in a row cost a tenth less CPU than each by
 * itself with cold caches, and nobody waits for an answer.
 */
const gatherMs = 20

/** With this much waiting, translation does not wait for more. */
const gatheredBytes = 256 * 1024

/** Translation goes on for this long, then others have their turn: half of what a listener's answer may take. */
const turnMs = 4

/**
 * Datagrams between two turns that mean more are waiting in the kernel: libuv reads 32 of a socket, then lets others run.
 * They are read first, translated later, as long as half the backlog is free.
 */
const floodDatagrams = 32

/** At most one line a format in this time about bad datagrams; the counters have them all. */
const quietMs = 10_000

/** What a waiting datagram costs beside its bytes, so that empty ones cannot pile up without end. */
const datagramCostBytes = 256

const noHead: Pick<RequestHead, 'kind' | 'method' | 'target' | 'headers'> = { kind: 'udp', method: '', target: '', headers: [] }

interface BoundSocket extends Bound {
  readonly socket: Socket
}

/** Starts a port on every address of the host. Throws OB_LISTEN. */
export async function startUdp(options: UdpOptions, deps: AdapterDeps): Promise<Listener> {
  const { format, translate } = options
  const labels = { format, transport: 'udp' }
  const datagrams = deps.metrics.counter('otlp_bridge_received_requests_total', labels)
  const bytes = deps.metrics.counter('otlp_bridge_received_bytes_total', labels)
  const refusedDatagrams = cellsByReason((reason) => deps.metrics.counter('otlp_bridge_refused_requests_total', { ...labels, reason }))
  const translateSeconds = deps.metrics.histogram('otlp_bridge_stage_seconds', { stage: 'translate', format })
  const items = createItemBooks(format, deps, 'dropped')
  const endpoint = options.section.replace(/^ingest\./, '')
  const door = deps.mirrors?.(endpoint)
  const { observer } = deps
  const coalescer = createCoalescer(
    { format, endpoint, ...options.batch },
    deps,
    items,
    door && {
      name: door.name,
      wrap: (datagrams, count, key) =>
        door.wrap({ ...noHead, address: lastAddress, connection: endpoint }, datagrams, { format, items: count, key, isShared: true }),
      isOptional: () => door.state().new === 'optional',
    },
  )
  /** Of whoever sent the datagram that came last: those that go together mostly come from one host. */
  let lastAddress = ''

  let waiting: Buffer[] = []
  let next = 0
  let waitingBytes = 0
  let arrivedSinceTurn = 0
  let turn: NodeJS.Immediate | undefined
  let gathering: NodeJS.Timeout | undefined
  let lastLineMs = Number.NEGATIVE_INFINITY

  const complain = (error: BridgeError): void => {
    const now = deps.nowMs()
    if (now - lastLineMs < quietMs && now >= lastLineMs) return
    lastLineMs = now
    deps.log.warn({ format, code: error.code, fault: error.message }, 'a datagram was refused; further ones are only counted for a while')
  }

  /** The datagram, if the old side gets it: decided for each, as its sender would have sent it. */
  const mirrored = (datagram: Buffer, key: string | undefined): Buffer | undefined =>
    door === undefined || door.state().old === 'off' || door.shares?.(key ?? lastAddress) === false ? undefined : datagram

  /** A datagram of which only the old side may have a use. */
  const addSpoiled = (datagram: Buffer): void => {
    const { old, undecodable } = (door as MirrorDoor).state()
    if (old === 'off' || undecodable === 'refuse') return
    door?.count('undecodable', 1)
    const own = mirrored(datagram, undefined)
    if (own !== undefined) coalescer.add(0, nothingOf.data, undefined, own)
  }

  const show = (datagram: Buffer, body: TranslatedBody, fault: BridgeError | undefined): void => {
    observer?.see({
      endpoint,
      format,
      signal: 'traces',
      atMs: deps.nowMs(),
      client: undefined,
      request: '',
      headers: [],
      body: datagram,
      otlp: body.data,
      items: body.items,
      refused: fault?.message ?? body.drops[0]?.example,
    })
  }

  const translateOne = (datagram: Buffer): void => {
    const startedAt = performance.now()
    try {
      const body = translate(datagram, deps.nowMs())
      translateSeconds.observe((performance.now() - startedAt) / 1000)
      items.drops(body.drops)
      items.notes(body.notes)
      items.clients(body.services)
      if (observer?.wants(endpoint) === true) show(datagram, body, undefined)
      if (door !== undefined && (body.items > 0 || body.drops.length === 0))
        coalescer.add(body.items, body.data, body.services, mirrored(datagram, body.services?.[0]?.service))
      else if (body.items > 0) coalescer.add(body.items, body.data, body.services)
      else if (door !== undefined) addSpoiled(datagram)
    } catch (error) {
      const known = asBridgeError(error)
      refusedDatagrams(reasonOf(known.code)).value++
      complain(known)
      if (observer?.wants(endpoint) === true) show(datagram, nothingOf, known)
      if (door !== undefined && isUndecodable(known)) addSpoiled(datagram)
    }
  }

  const work = (untilMs: number): void => {
    while (next < waiting.length && performance.now() < untilMs) {
      const datagram = waiting[next++] as Buffer
      waitingBytes -= datagram.length + datagramCostBytes
      translateOne(datagram)
    }
    if (next === waiting.length) {
      waiting = []
      next = 0
    } else if (next > 1024) {
      waiting = waiting.slice(next)
      next = 0
    }
  }

  const takeTurn = (): void => {
    turn = undefined
    clearTimeout(gathering)
    gathering = undefined
    const flooded = arrivedSinceTurn >= floodDatagrams && waitingBytes < options.backlog / 2
    arrivedSinceTurn = 0
    if (!flooded) work(performance.now() + turnMs)
    if (waiting.length > 0) turn = setImmediate(takeTurn)
  }

  const onMessage = (datagram: Buffer, from: RemoteInfo): void => {
    datagrams.value++
    bytes.value += datagram.length
    if (door !== undefined) {
      lastAddress = from.address
      // Looked up in a set of ports before anything else is: one comparison for nearly all.
      if (door.loops(`udp ${from.address} ${from.port}`)) {
        refusedDatagrams('loop').value++
        return
      }
    }
    if (waitingBytes + datagram.length > options.backlog) {
      refusedDatagrams('backlog_full').value++
      complain(
        new BridgeError('OB_QUEUE_FULL', `cannot keep datagram: more than ${options.backlog} bytes wait (${options.section}.backlog)`),
      )
      return
    }
    arrivedSinceTurn++
    waiting.push(datagram)
    waitingBytes += datagram.length + datagramCostBytes
    if (turn !== undefined) return
    if (waitingBytes > gatheredBytes) turn = setImmediate(takeTurn)
    else gathering ??= setTimeout(takeTurn, gatherMs)
  }

  const bound = await bindAll(options.section, options.host, options.port, (address, port) =>
    listen(options, deps, onMessage, address, port),
  )
  reportBuffer(options, deps, bound)
  const drops = watchKernelDrops(format, bound, deps)

  return {
    addresses: bound.map((one) => `udp://${urlHost(one.address)}:${one.port}`),
    async stop(deadlineMs) {
      await drops.stop()
      await Promise.all(bound.map((one) => one.close()))
      if (turn !== undefined) clearImmediate(turn)
      clearTimeout(gathering)
      work(Number.POSITIVE_INFINITY)
      await coalescer.stop(deadlineMs)
    },
  }
}

function listen(
  options: UdpOptions,
  deps: AdapterDeps,
  onMessage: (datagram: Buffer, from: RemoteInfo) => void,
  address: string,
  port: number,
): Promise<BoundSocket> {
  const v6 = address.includes(':')
  const socket = createSocket({
    type: v6 ? 'udp6' : 'udp4',
    ipv6Only: address === '::1',
    recvBufferSize: options.receiveBuffer,
    reusePort: deps.reusePort === true,
  })
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ address, port }, () => {
      socket.removeListener('error', reject)
      socket.on('error', (error) => deps.log.error({ format: options.format, fault: error.message }, 'a datagram socket failed'))
      socket.on('message', onMessage)
      resolve({ socket, address, port: socket.address().port, close: () => new Promise((done) => socket.close(() => done())) })
    })
  })
}

/** Linux gives back twice what it granted: the other half is its own bookkeeping. */
const grantedBytes = (socket: Socket): number => Math.floor(socket.getRecvBufferSize() / (process.platform === 'linux' ? 2 : 1))

function reportBuffer(options: UdpOptions, deps: AdapterDeps, bound: readonly BoundSocket[]): void {
  const granted = Math.min(...bound.map((one) => grantedBytes(one.socket)))
  deps.metrics.gauge('otlp_bridge_udp_receive_buffer_bytes', { format: options.format }).value = granted
  if (granted >= options.receiveBuffer) return
  deps.log.warn(
    { format: options.format, asked: options.receiveBuffer, granted },
    `the kernel granted a smaller receive buffer than ${options.section}.receiveBuffer asks for; raise net.core.rmem_max against loss in bursts`,
  )
}
