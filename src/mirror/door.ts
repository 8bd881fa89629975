/**
 * The way of an endpoint to its old backend: what is kept of a request (table 1.1 of the mapping), who gets it by phase and share, and what came back
 * to us.
 */

import { randomBytes } from 'node:crypto'
import { createShare, type Share } from '../cutover/decide.ts'
import type { EndpointState } from '../cutover/model.ts'
import { ruleOfPhase } from '../cutover/phase-rules.ts'
import type { MirrorDoor, MirrorState, RequestHead } from '../ingest/mirror-door.ts'
import type { Envelope } from '../otlp/intake.ts'
import type { Logger } from '../telemetry/log.ts'
import { type Cell, cappedValues, type Metrics } from '../telemetry/metrics.ts'
import { createCommonHeads } from './common-heads.ts'
import type { MirrorEndpointConfig } from './config.ts'
import { type CommonHead, type EnvelopeHead, encodeEnvelope, encodeEnvelopeOf, type OwnHead } from './envelope.ts'
import { createHeaderFilter, viaName } from './headers.ts'
import { comesBack, isOwnSender } from './loop.ts'
import { laneName } from './order.ts'
import { createSenders } from './senders.ts'

export interface DoorOptions {
  /** `zipkin`, `jaeger.http` */
  readonly endpoint: string
  readonly config: MirrorEndpointConfig
  /** Name of the whole bridge. */
  readonly instanceId: string
  readonly metrics: Metrics
  readonly log: Logger
  /** Wall clock in milliseconds. */
  readonly nowMs: () => number
  readonly state: () => EndpointState
  /** Memory for envelopes, at least as large as asked for: that of the queue, which gives it back. */
  readonly takeMemory?: ((bytes: number) => ArrayBufferLike) | undefined
  /** Sends at once; see {@link MirrorDoor.ask}. */
  readonly ask: MirrorDoor['ask']
  readonly proxy: MirrorDoor['proxy']
  readonly tunnel?: MirrorDoor['tunnel']
  readonly closed?: MirrorDoor['closed']
  /** Told when {@link mostLoops} of our own requests came back within a minute. */
  readonly onLoops?: () => void
}

/** So many requests that come back within a minute pause the mirror. */
const mostLoops = 3

/** How an endpoint with this configuration answers and mirrors in a state of the cutover. */
function mirrorStateOf(config: MirrorEndpointConfig, { phase, answer }: EndpointState): MirrorState {
  const { old, new: fresh, undecodable } = ruleOfPhase(phase)
  return {
    // Datagrams know no answer.
    answer: old === 'off' || !('legacy' in config) ? 'bridge' : answer,
    old,
    new: fresh,
    undecodable: config.undecodable ?? undecodable,
    proxy: old !== 'off' && 'proxy' in config && config.proxy.enabled,
    admin: 'proxy' in config && config.proxy.admin,
    keepRefused: 'legacy' in config && config.legacy.keepRefused,
    newUi: 'newUi' in config ? config.newUi : undefined,
  }
}

/** At most one line in this time about requests that came back. */
const quietMs = 60_000

export function createDoor(options: DoorOptions): MirrorDoor {
  const { endpoint, config, metrics, log, nowMs } = options
  const name = `mirror.${endpoint}`
  const own = viaName(options.instanceId)
  const filter = createHeaderFilter()
  const ordering = 'ordering' in config ? config.ordering : 'lane'
  const ordered = ordering !== 'none'
  const senders = ordering === 'sender' ? createSenders() : undefined
  // In the ids of requests, so that they differ from those of other runs.
  const run = randomBytes(6).toString('base64url')
  let count = 0
  let known: EndpointState | undefined
  let state: MirrorState | undefined
  let share: { readonly old: number; readonly of: Share } | undefined
  let saidMs = Number.NEGATIVE_INFINITY
  /** When the last ones came back. */
  let looped: readonly number[] = []
  const cells = new Map<string, Cell>()

  const stateNow = (): MirrorState => {
    const now = options.state()
    if (state === undefined || now !== known) {
      known = now
      state = mirrorStateOf(config, now)
    }
    return state
  }

  const counted = (reason: string, items: number): void => {
    let cell = cells.get(reason)
    if (cell === undefined) {
      if (cells.size > cappedValues) cells.clear()
      cells.set(reason, (cell = metrics.counter('otlp_bridge_mirror_notes_total', { endpoint, reason })))
    }
    cell.value += items
  }

  /** Whether a sender is among those whose requests the old side still gets. */
  const isShared = (key: string): boolean => {
    stateNow()
    const { old } = (known ?? options.state()).share
    if (old >= 1) return true
    if (share?.old !== old) share = { old, of: createShare(old) }
    return share.of.text(key)
  }

  const nextId = (): string => `${run}${(count++).toString(36).padStart(8, '0')}`

  const ownOf = (head: RequestHead): OwnHead => ({ id: nextId(), at: nowMs(), ...senders?.came(head.address, head.connection) })

  const commonOf = (head: RequestHead): CommonHead => ({
    kind: head.kind,
    method: head.method,
    target: head.target,
    // Nobody needs it in the store where it is not passed on.
    headers: filter(head, config.auth === 'pass'),
    from: head.address,
    lane: ordered ? laneName(head.connection) : '',
  })

  const commonBytes = createCommonHeads(commonOf)

  const isOne = ({ kind }: RequestHead, pieces: readonly Uint8Array[]): boolean => pieces.length < 2 && kind !== 'udp' && kind !== 'beats'

  const goes = (head: RequestHead, key: string | undefined): boolean => stateNow().old !== 'off' && isShared(key ?? head.address)

  const door: MirrorDoor = {
    name,
    state: stateNow,
    loops(via) {
      if (via === undefined || !(via.startsWith('udp ') ? isOwnDatagram(via) : comesBack(via, own))) return false
      counted('loop', 1)
      const now = nowMs()
      // What came through others alone is no loop of ours; any client could claim it, and stop the mirror.
      if (via.startsWith('udp ') || via.toLowerCase().includes(own)) {
        looped = [...looped.filter((at) => at <= now && now - at < quietMs), now]
      }
      if (looped.length >= mostLoops) {
        looped = []
        options.onLoops?.()
      }
      if (!(now - saidMs < quietMs && now >= saidMs)) {
        saidMs = now
        log.error({ mirror: name, via: via.slice(0, 200) }, 'what was sent to the old backend came back here; it is refused')
      }
      return true
    },
    shares: (key) => isShared(key),
    wrap(head, pieces, body) {
      if (body.isShared === true ? stateNow().old === 'off' : !goes(head, body.key)) return undefined
      const { format, items } = body
      const own = ownOf(head)
      if (isOne(head, pieces)) {
        return { mirror: name, format, items, data: encodeEnvelopeOf(own, commonBytes(head), pieces, options.takeMemory) }
      }
      return envelopeOf(format, items, { ...own, ...commonOf(head), lengths: pieces.map(({ length }) => length) }, pieces)
    },
    wrapLarge(head, { format, key }) {
      if (!goes(head, key)) return undefined
      const first = { ...ownOf(head), ...commonOf(head) }
      const length = declaredLength(head)
      let part = 0
      return {
        part(bytes, items, last, lengths) {
          const own = {
            ...first,
            headers: part === 0 ? first.headers : [],
            part: part++,
            last,
            ...(length === undefined ? {} : { length }),
            ...(lengths === undefined ? {} : { lengths }),
          }
          return envelopeOf(format, items, own, [bytes])
        },
      }
    },
    ask: options.ask,
    proxy(request, response, hooks) {
      if (!door.loops(request.headers.via)) return options.proxy(request, response, hooks)
      hooks?.answered?.(508)
      response.writeHead(508, { 'content-type': 'text/plain; charset=utf-8' })
      response.end('otlp-bridge has had this request before\n')
    },
    count: counted,
    ...(options.tunnel === undefined ? {} : { tunnel: options.tunnel }),
    ...(senders === undefined ? {} : { answered: senders.answered }),
    ...(options.closed === undefined || !ordered
      ? {}
      : {
          closed(connection) {
            senders?.closed(connection)
            options.closed?.(connection)
          },
        }),
  }
  return door

  function envelopeOf(format: string, items: number, head: EnvelopeHead, pieces: readonly Uint8Array[]): Envelope {
    return { mirror: name, format, items, data: encodeEnvelope(head, pieces, options.takeMemory) }
  }
}

/** `udp 127.0.0.1 34567`: where a datagram came from. */
function isOwnDatagram(from: string): boolean {
  const [, address = '', port = ''] = from.split(' ')
  return isOwnSender(address, Number(port))
}

function declaredLength({ headers }: RequestHead): number | undefined {
  for (let at = 0; at < headers.length; at += 2) {
    if ((headers[at] as string).toLowerCase() === 'content-length') return Number(headers[at + 1])
  }
  return undefined
}
