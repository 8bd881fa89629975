/** Out of section `emit`: the list of destinations, each with everything it needs, and what is wrong with them. */

import type { Signal } from '../otlp/intake.ts'
import { type DestinationEntry, type EmitKeys, isEndpoint } from './keys.ts'

export type Protocol = EmitKeys['protocol']
export type Compression = EmitKeys['compression']

/** One endpoint of a destination. */
export interface EndpointConfig {
  /** As the user names it, for metrics, logs and the page; userinfo is still in it. */
  readonly url: string
  /** Full URL of each signal; for gRPC scheme, host and port alone. */
  readonly urls: Readonly<Record<Signal, string>>
  /** Headers of the destination and of the endpoint, names in lower case. */
  readonly headers: Readonly<Record<string, string>>
}

/** What a destination takes, by the text of an attribute's value. */
export interface Where {
  readonly attribute: string
  /** True: the values listed; false: all others, and what has no such attribute. */
  readonly listed: boolean
  readonly values: readonly string[]
}

/** One destination with every default filled in. */
export interface DestinationConfig {
  readonly name: string
  /** At least one; what one does not take may go to another. */
  readonly endpoints: readonly EndpointConfig[]
  readonly balance: 'spread' | 'failover'
  readonly protocol: Protocol
  readonly compression: Compression
  readonly compressionLevel: number
  readonly timeoutMs: number
  readonly retry: { readonly initialIntervalMs: number; readonly maxIntervalMs: number; readonly maxElapsedMs: number | undefined }
  readonly batch: { readonly delayMs: number; readonly maxItems: number; readonly maxBytes: number }
  readonly concurrency: number
  readonly breaker: { readonly failures: number; readonly cooldownMs: number; readonly maxCooldownMs: number }
  readonly keepAlive: { readonly timeMs: number; readonly timeoutMs: number }
  readonly tls: { readonly ca?: string | undefined; readonly cert?: string | undefined; readonly key?: string | undefined }
  /** Undefined: all. */
  readonly signals: readonly Signal[] | undefined
  readonly where: Where | undefined
  /** True for the one destination that takes what no other takes. */
  readonly otherwise: boolean
  readonly whenFull: 'refuse' | 'drop'
  /** Key of the configuration that stands for it: `emit` or `emit.destinations[0]`. */
  readonly section: string
}

/** What is wrong with section `emit`; the path begins below it. */
export interface EmitFault {
  readonly path: readonly (string | number)[]
  readonly message: string
}

/** Where data goes when nothing is said. */
export const defaultEndpoint = (protocol: Protocol): string => (protocol === 'grpc' ? 'http://localhost:4317' : 'http://localhost:4318')

/** The URL of each signal: `tracesEndpoint` as it is, otherwise `endpoint` with the signal's path appended. */
export function signalUrls(emit: { readonly endpoint: string; readonly tracesEndpoint?: string | undefined }): Record<Signal, string> {
  const base = new URL(emit.endpoint)
  const path = base.pathname.replace(/\/+$/, '')
  const of = (signal: Signal): string => {
    const url = new URL(base)
    url.pathname = `${path}/v1/${signal}`
    return url.href
  }
  return { traces: emit.tracesEndpoint ?? of('traces'), metrics: of('metrics'), logs: of('logs') }
}

const hasScheme = (text: string): boolean => /^https?:\/\//i.test(text)

function grpcUrls(endpoint: string, tracesEndpoint: string | undefined, insecure: boolean): Record<Signal, string> {
  const originOf = (text: string): string => new URL(hasScheme(text) ? text : `${insecure ? 'http' : 'https'}://${text}`).origin
  const all = originOf(endpoint)
  return { traces: tracesEndpoint === undefined ? all : originOf(tracesEndpoint), metrics: all, logs: all }
}

const lowerCase = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

/** What is set in `over` laid on `under`; a key that is undefined is not set. */
function laid<T extends object>(under: T, over: { readonly [K in keyof T]?: T[K] | undefined } | undefined): T {
  const result = { ...under }
  for (const key in over) if (over[key] !== undefined) result[key] = over[key] as T[typeof key]
  return result
}

/** The keys of `emit` as a destination sees them: its own before those that it shares. */
function settingsOf(emit: EmitKeys, entry: DestinationEntry): EmitKeys {
  const { retry, batch, breaker, keepAlive, tls, ...plain } = entry
  // What is sent to an endpoint of its own does not also go where the others send their traces.
  const own = entry.endpoint !== undefined || entry.endpoints !== undefined
  const shared: EmitKeys = own ? { ...emit, endpoint: undefined, endpoints: undefined, tracesEndpoint: undefined } : emit
  return {
    ...laid<EmitKeys>(shared, plain),
    destination: entry.name,
    retry: laid<EmitKeys['retry']>(emit.retry, retry),
    batch: laid(emit.batch, batch),
    breaker: laid(emit.breaker, breaker),
    keepAlive: laid(emit.keepAlive, keepAlive),
    tls: laid<EmitKeys['tls']>(emit.tls, tls),
  }
}

type EndpointEntry = Exclude<NonNullable<EmitKeys['endpoints']>[number], string>

const endpointEntries = (settings: EmitKeys): readonly EndpointEntry[] =>
  settings.endpoints?.map((one) => (typeof one === 'string' ? { url: one } : one)) ?? [
    { url: settings.endpoint ?? defaultEndpoint(settings.protocol), tracesUrl: settings.tracesEndpoint },
  ]

function whereOf({ where }: DestinationEntry): Where | undefined {
  if (where === undefined) return undefined
  return { attribute: where.attribute, listed: where.in !== undefined, values: (where.in ?? where.notIn ?? []).map(String) }
}

function destinationOf(settings: EmitKeys, section: string, entry?: DestinationEntry): DestinationConfig {
  const { protocol, insecure, retry, batch, breaker, keepAlive } = settings
  return {
    name: settings.destination,
    endpoints: endpointEntries(settings).map(({ url, tracesUrl, headers }) => ({
      url: tracesUrl === undefined || settings.endpoints !== undefined ? url : tracesUrl,
      urls: protocol === 'grpc' ? grpcUrls(url, tracesUrl, insecure) : signalUrls({ endpoint: url, tracesEndpoint: tracesUrl }),
      headers: { ...lowerCase(settings.headers), ...lowerCase(headers ?? {}) },
    })),
    balance: settings.balance,
    protocol,
    compression: settings.compression,
    compressionLevel: settings.compressionLevel,
    timeoutMs: settings.timeout,
    retry: { initialIntervalMs: retry.initialInterval, maxIntervalMs: retry.maxInterval, maxElapsedMs: retry.maxElapsed },
    batch: { delayMs: batch.delay, maxItems: batch.maxItems, maxBytes: batch.maxBytes },
    concurrency: settings.concurrency,
    breaker: { failures: breaker.failures, cooldownMs: breaker.cooldown, maxCooldownMs: breaker.maxCooldown },
    keepAlive: { timeMs: keepAlive.time, timeoutMs: keepAlive.timeout },
    tls: settings.tls,
    signals: entry?.signals,
    where: entry === undefined ? undefined : whereOf(entry),
    otherwise: entry?.otherwise ?? false,
    whenFull: entry?.whenFull ?? 'refuse',
    section,
  }
}

/** Every destination of section `emit`, in the order given; one where `destinations` is not set. Their places in the list are the lanes of the queue. */
export function destinationsOf(emit: EmitKeys): readonly DestinationConfig[] {
  if (emit.destinations === undefined) return [destinationOf(emit, 'emit')]
  return emit.destinations.map((entry, at) => destinationOf(settingsOf(emit, entry), `emit.destinations[${at}]`, entry))
}

/** Every endpoint that data goes to, as the user names them, for a line of text; userinfo is still in it. */
export function endpointNames(emit: EmitKeys): string {
  return [...new Set(destinationsOf(emit).flatMap(({ endpoints }) => endpoints.map(({ url }) => url)))].join(', ')
}

/** Headers that belong to the connection or are written by us. */
const ours: ReadonlySet<string> = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'x-otlp-bridge',
])

function* headerFaults(headers: Readonly<Record<string, string>>, protocol: Protocol, path: EmitFault['path']): Generator<EmitFault> {
  for (const [name, value] of Object.entries(headers)) {
    if (ours.has(name.toLowerCase())) yield { path: [...path, name], message: 'cannot set this header: the bridge writes it itself' }
    if (protocol !== 'grpc') continue
    if (/^grpc-/i.test(name)) yield { path: [...path, name], message: 'cannot set this header: names with grpc- belong to the protocol' }
    if (!/^[\x20-\x7e]*$/.test(value)) yield { path: [...path, name], message: 'expected ASCII: other bytes cannot stand in gRPC metadata' }
  }
}

function endpointFault(text: string, protocol: Protocol): string | undefined {
  // What is no endpoint at all is said by its own key.
  if (!isEndpoint(text)) return undefined
  if (protocol !== 'grpc') return hasScheme(text) ? undefined : 'expected an http:// or https:// URL'
  const { pathname, search } = new URL(hasScheme(text) ? text : `http://${text}`)
  return pathname === '/' && search === '' ? undefined : 'expected host and port only: an endpoint of gRPC has no path'
}

/** @param at place of the destination's own keys below `emit` */
function* faultsOfOne(settings: EmitKeys, at: EmitFault['path']): Generator<EmitFault> {
  const { protocol, retry } = settings
  const check = function* (path: EmitFault['path'], text: string | undefined): Generator<EmitFault> {
    const message = text === undefined ? undefined : endpointFault(text, protocol)
    if (message !== undefined) yield { path: [...at, ...path], message }
  }
  if (settings.endpoints === undefined) {
    yield* check(['endpoint'], settings.endpoint)
    yield* check(['tracesEndpoint'], settings.tracesEndpoint)
  } else {
    for (const [place, one] of settings.endpoints.entries()) {
      if (typeof one === 'string') yield* check(['endpoints', place], one)
      else {
        yield* check(['endpoints', place, 'url'], one.url)
        yield* check(['endpoints', place, 'tracesUrl'], one.tracesUrl)
        yield* headerFaults(one.headers ?? {}, protocol, [...at, 'endpoints', place, 'headers'])
      }
    }
  }
  yield* headerFaults(settings.headers, protocol, [...at, 'headers'])
  if (retry.initialInterval > retry.maxInterval) {
    yield { path: [...at, 'retry', 'initialInterval'], message: 'initialInterval is longer than maxInterval' }
  }
  if (settings.breaker.cooldown > settings.breaker.maxCooldown) {
    yield { path: [...at, 'breaker', 'cooldown'], message: 'cooldown is longer than maxCooldown' }
  }
  if (settings.compression === 'gzip' && settings.compressionLevel > 9) {
    yield { path: [...at, 'compressionLevel'], message: 'expected 1 to 9 for gzip' }
  }
}

/** What no schema of a single key can see: keys that do not go together. All faults at once. */
export function* destinationFaults(emit: EmitKeys): Generator<EmitFault> {
  const { destinations } = emit
  if (destinations === undefined) {
    yield* faultsOfOne(emit, [])
    return
  }
  const names = new Set<string>()
  let otherwise: number | undefined
  for (const [at, entry] of destinations.entries()) {
    const path = ['destinations', at] as const
    yield* faultsOfOne(settingsOf(emit, entry), path)
    if (names.has(entry.name)) yield { path: [...path, 'name'], message: 'another destination has this name' }
    names.add(entry.name)
    if (entry.endpoint !== undefined && entry.endpoints !== undefined) {
      yield { path: [...path, 'endpoint'], message: 'endpoints is given too: one of them, not both' }
    }
    if (entry.endpoints !== undefined && entry.tracesEndpoint !== undefined) {
      yield { path: [...path, 'tracesEndpoint'], message: 'not with endpoints: give tracesUrl there' }
    }
    if (entry.otherwise !== true) continue
    if (entry.where !== undefined)
      yield { path: [...path, 'otherwise'], message: 'not with where: it takes what no other destination takes' }
    if (otherwise !== undefined)
      yield { path: [...path, 'otherwise'], message: `emit.destinations[${otherwise}] is it already: only one can be` }
    otherwise ??= at
  }
}
