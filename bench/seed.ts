/**
 * Spans as instrumented shops send them, in no legacy format yet, the same every time: traces of ten spans, 10 to 12 tags, one or
 * two events. A text repeats as often as it does in practice: keys always, routes often, ids never.
 */

/** A tag before it is of a format. bigint: a whole number, number: a fraction. */
export type SeedTag = readonly [key: string, value: string | bigint | number | boolean]

export interface SeedSpan {
  readonly traceHigh: bigint
  readonly traceLow: bigint
  readonly id: bigint
  /** 0 for the first span of a trace. */
  readonly parent: bigint
  readonly service: string
  /** IPv4, dotted. */
  readonly address: string
  readonly name: string
  readonly kind: 'CLIENT' | 'SERVER'
  readonly startMicros: number
  readonly durationMicros: number
  readonly tags: readonly SeedTag[]
  /** The first field is `event`, its name. */
  readonly events: readonly { readonly timeMicros: number; readonly fields: readonly SeedTag[] }[]
}

/** A repeatable source of whole numbers. */
export interface Dice {
  /** 0 ≤ x < limit */
  below(limit: number): number
  /** 1 ≤ x < 2^64 */
  id(): bigint
  pick<T>(from: readonly T[]): T
}

/** Creates dice out of numbers 0 ≤ x < 1. */
export function createDice(random: () => number): Dice {
  const below = (limit: number): number => Math.floor(random() * limit)
  return {
    below,
    id: () => (BigInt(below(2 ** 32)) << 32n) | BigInt(1 + below(2 ** 32 - 1)),
    pick: (from) => from[below(from.length)] as (typeof from)[0],
  }
}

const services = ['web', 'basket', 'orders', 'billing', 'stock', 'parcels', 'mail', 'accounts'] as const
const paths = ['/v2/orders/{order}', '/v2/basket', '/v2/accounts/{account}/addresses', '/v2/bills', '/ready', '/v2/stock/search'] as const
const verbs = ['GET', 'GET', 'POST', 'PUT'] as const
const statuses = [200n, 200n, 200n, 204n, 404n, 503n] as const
const events = ['cache.miss', 'connection.acquired', 'retried', 'body.sent'] as const
const query = 'SELECT sku, title, quantity, price FROM basket_lines WHERE basket = $1 AND removed_at IS NULL ORDER BY line'

const firstMicros = 1_795_000_000_000_000
const spansOfTrace = 10

/** `count` of the services, neighbours in the list. */
export function pickServices(dice: Dice, count: number): readonly string[] {
  const at = dice.below(services.length - count + 1)
  return services.slice(at, at + count)
}

function tagsOf(dice: Dice, kind: SeedSpan['kind'], service: string, address: string, verb: string, path: string): SeedTag[] {
  const status = dice.pick(statuses)
  const tags: SeedTag[] = [
    ['component', 'http-server'],
    ['http.method', verb],
    ['http.url', `http://${service}.shop.internal:8080${path}?trace=${dice.id().toString(16).padStart(16, '0')}`],
    ['http.route', path],
    ['http.status_code', status],
    ['net.peer.ip', address],
    ['net.peer.port', BigInt(32_768 + dice.below(28_000))],
    ['account.plan', dice.pick(['free', 'plus', 'business'])],
    ['request.sampled', dice.below(2) === 0],
  ]
  if (kind === 'CLIENT') tags.push(['db.statement', query], ['db.type', 'postgresql'])
  else tags.push(['pool.wait_ms', dice.below(9000) / 100])
  if (status >= 500n) tags.push(['error', true])
  return tags
}

function eventsOf(dice: Dice, startMicros: number, durationMicros: number): SeedSpan['events'] {
  const count = 1 + dice.below(2)
  return Array.from({ length: count }, (_, at) => ({
    timeMicros: startMicros + Math.floor((durationMicros * (at + 1)) / (count + 1)),
    fields: [
      ['event', dice.pick(events)],
      ['attempt', BigInt(at + 1)],
      ['message', `pool=main waited=${dice.below(9_000_000)}us`],
    ],
  }))
}

/** Makes spans of the services given, in traces of ten. */
export function seedSpans(dice: Dice, count: number, from: readonly string[]): SeedSpan[] {
  const spans: SeedSpan[] = []
  let root: SeedSpan | undefined
  for (let at = 0; at < count; at++) {
    if (at % spansOfTrace === 0) root = undefined
    const [service, path, verb] = [dice.pick(from), dice.pick(paths), dice.pick(verbs)]
    const address = `10.20.${dice.below(8)}.${1 + dice.below(250)}`
    const kind = at % 3 === 1 ? 'CLIENT' : 'SERVER'
    const [startMicros, durationMicros] = [firstMicros + dice.below(60_000_000), 50 + dice.below(400_000)]
    const span: SeedSpan = {
      traceHigh: root?.traceHigh ?? dice.id(),
      traceLow: root?.traceLow ?? dice.id(),
      id: dice.id(),
      parent: root?.id ?? 0n,
      service,
      address,
      name: `${verb} ${path}`,
      kind,
      startMicros,
      durationMicros,
      tags: tagsOf(dice, kind, service, address, verb, path),
      events: eventsOf(dice, startMicros, durationMicros),
    }
    root ??= span
    spans.push(span)
  }
  return spans
}
