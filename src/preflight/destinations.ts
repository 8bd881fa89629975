/** Whether each endpoint takes a probe of each signal, a new one and an old one, and whether it can be read back. */

import { randomBytes } from 'node:crypto'
import type { Config } from '../config/compose.ts'
import { maskUserinfo } from '../config/mask.ts'
import { type DestinationConfig, destinationsOf, type EndpointConfig } from '../emit/destinations.ts'
import type { PartialSuccess } from '../emit/sender.ts'
import { isSendError } from '../emit/sender.ts'
import type { Transport } from '../emit/transport/wire.ts'
import { readTls } from '../net/tls.ts'
import type { Signal } from '../otlp/intake.ts'
import { because, type Check, type Finding, type PreflightDeps, type Subject } from './finding.ts'
import { makeProbe, type Probe } from './probes.ts'
import { type Backend, backendAt, backendsBeside } from './query.ts'

const signals: readonly Signal[] = ['traces', 'metrics', 'logs']

/** Signals that can come in: remote-write brings metrics, documents logs, other legacy formats traces, OTLP brings all. */
function expected({ ingest, translate }: Config): ReadonlySet<Signal> {
  const { zipkin, jaeger, prometheus, elasticsearch, beats, otlp, kafka } = ingest
  if (otlp !== undefined) return new Set(signals)
  const found = new Set<Signal>(kafka?.topics.map(({ signal }) => signal) ?? [])
  if (prometheus !== undefined) found.add('metrics')
  if (elasticsearch !== undefined || beats !== undefined) {
    found.add('logs')
    if (translate.elasticsearch.metricsDocs === 'gauges') found.add('metrics')
  }
  if (found.size === 0 || zipkin !== undefined || jaeger !== undefined) found.add('traces')
  return found
}

/** A connection to one endpoint, for a few probes. */
export async function openTransport(destination: DestinationConfig, endpoint: EndpointConfig, nowMs: () => number): Promise<Transport> {
  const { tls, protocol } = destination
  const given = tls.ca !== undefined || tls.cert !== undefined
  const secureContext = given ? (await readTls(tls)).material?.context : undefined
  const common = { urls: endpoint.urls, headers: { 'user-agent': 'otlp-bridge', ...endpoint.headers }, secureContext, nowMs }
  if (protocol !== 'grpc') return (await import('../emit/transport/http.ts')).createHttpTransport({ ...common, connections: 1 })
  const { createGrpcTransport } = await import('../emit/transport/grpc.ts')
  const { timeoutMs, keepAlive } = destination
  return createGrpcTransport({ ...common, timeoutMs, keepAlive, monotonicMs: () => performance.now() })
}

/** Sends one probe. Gives the answer's partial success, undefined for a whole one; rejects as the transport does. */
export async function sendProbe(transport: Transport, probe: Probe, json: boolean, timeoutMs: number): Promise<PartialSuccess | undefined> {
  const body = json ? Buffer.from(probe.json) : probe.proto
  let partial: PartialSuccess | undefined
  await transport.send(
    {
      signal: probe.signal,
      items: 1,
      body: [body],
      bytes: body.length,
      contentType: json ? 'application/json' : 'application/x-protobuf',
      contentEncoding: undefined,
      onRepeat() {},
      onPartialSuccess(said) {
        partial = said
      },
    },
    AbortSignal.timeout(timeoutMs),
  )
  return partial
}

/** The knob for what went wrong: by what the endpoint said, then by its port. */
export function knobFor(error: unknown, { section, protocol }: DestinationConfig, url: string): string {
  const port = new URL(/^https?:/i.test(url) ? url : `http://${url}`).port
  const other = protocol === 'grpc' ? 'http/protobuf' : 'grpc'
  const spokeOther = /HTTP\/1\.1 protocol|does not speak HTTP\/2/.test(because(error))
  if (spokeOther || port === (protocol === 'grpc' ? '4318' : '4317'))
    return `${section}.protocol: ${other}, or the port in ${section}.endpoint`
  if (!isSendError(error)) return `${section}.endpoint, ${section}.timeout`
  if (error.reason === 'tls') return `${section}.tls, or the scheme of ${section}.endpoint`
  if (error.status === 401 || error.status === 403) return `${section}.headers (authorization)`
  if (error.status === 404) return `the path of ${section}.endpoint`
  if (error.failure === 'throttled') return 'nothing here: the endpoint asks to slow down'
  return `${section}.endpoint, or whether it runs there`
}

/** What went wrong, in its own words. */
export const saidBy = (error: unknown): string =>
  error instanceof Error && 'code' in error && error.code === 'OB_STOPPING'
    ? 'cannot reach the endpoint: no answer in time'
    : because(error)

interface Sent {
  readonly probe: Probe
  readonly old: boolean
}

interface Trial {
  readonly destination: DestinationConfig
  readonly endpoint: EndpointConfig
  readonly subject: Subject
  readonly deps: PreflightDeps
}

/** Tries one signal: a new probe, then an old one. What was taken goes to `sent`. */
async function trySignal(
  { destination, endpoint, subject, deps }: Trial,
  transport: Transport,
  signal: Signal,
  sent: Sent[],
): Promise<Finding[]> {
  const { name, protocol } = destination
  const about = `${name}, ${signal}`
  const url = maskUserinfo(endpoint.urls[signal])
  const findings: Finding[] = []
  const needed = expected(subject.config).has(signal)
  for (const old of [false, true]) {
    const run = randomBytes(16).toString('hex')
    const probe = makeProbe(signal, run, deps.nowMs() - (old ? subject.ageMs : 0))
    const what = old ? `data ${Math.round(subject.ageMs / 3_600_000)} h old` : 'a probe'
    const check = old ? 'old data' : 'destination'
    try {
      const partial = await sendProbe(transport, probe, protocol === 'http/json', subject.timeoutMs)
      if (partial !== undefined && partial.rejectedItems > 0) {
        const knob = old ? 'the limits of the backend on the age of data: after an outage this is what is lost' : 'what the endpoint says'
        findings.push({
          check,
          about,
          level: needed && !old ? 'fail' : 'warn',
          seen: `${url} takes the request but rejects ${what}: ${partial.message}`,
          knob,
          remote: true,
        })
        continue
      }
      sent.push({ probe, old })
      findings.push({ check, about, level: 'ok', seen: `${url} (${protocol}) takes ${what}` })
    } catch (error) {
      const seen = `${url} (${protocol}): ${saidBy(error)}`
      const unneeded = `nothing to do: no endpoint that is configured brings ${signal}`
      if (!needed) findings.push({ check, about, level: 'warn', seen, knob: unneeded, remote: true })
      else if (old)
        findings.push({
          check,
          about,
          level: 'warn',
          seen: `${seen} for ${what}`,
          knob: 'the limits of the backend on the age of data',
          remote: true,
        })
      else findings.push({ check, about, level: 'fail', seen, knob: knobFor(error, destination, endpoint.url), remote: true })
      // What does not take new data says nothing about old.
      if (!old) break
    }
  }
  return findings
}

/** Asks a backend for what it should have by now. */
async function readBack(
  about: string,
  backend: Backend,
  sent: readonly Sent[],
  { readBackMs }: Subject,
  { nowMs, sleep }: PreflightDeps,
): Promise<Finding[]> {
  const endMs = nowMs() + readBackMs
  const missing = new Set(sent.filter(({ probe }) => probe.signal === backend.signal))
  let fault: unknown
  for (;;) {
    for (const one of missing) {
      try {
        fault = undefined
        if (await backend.holds(one.probe)) missing.delete(one)
      } catch (error) {
        fault = error
      }
    }
    if (missing.size === 0 || nowMs() >= endMs) break
    await sleep(250)
  }
  const where = `${backend.kind} at ${maskUserinfo(backend.url)}`
  return sent
    .filter(({ probe }) => probe.signal === backend.signal)
    .map((one): Finding => {
      const base = { check: 'read back', about: `${about}, ${one.probe.signal}${one.old ? ', old' : ''}` }
      if (!missing.has(one)) return { ...base, level: 'ok', seen: `${where} has it` }
      if (fault !== undefined)
        return { ...base, level: 'warn', seen: `cannot ask ${where}: ${because(fault)}`, knob: '--query-url', remote: true }
      return {
        ...base,
        level: 'warn',
        seen: `${where} does not have it after ${readBackMs / 1000} s, though the endpoint took it`,
        knob: one.old
          ? 'the limits of the backend on the age of data, or its sampling'
          : '--query-url (another backend?), or sampling behind the endpoint',
        remote: true,
      }
    })
}

/** Who can be asked for a signal: at a URL that the user gave, or beside the endpoint. */
export async function backendsFor(
  endpoint: EndpointConfig,
  signal: Signal,
  { queryUrls, timeoutMs }: Subject,
  { get }: PreflightDeps,
): Promise<Backend | undefined> {
  for (const url of queryUrls) {
    const backend = await backendAt(url, get, timeoutMs)
    if (backend?.signal === signal) return backend
  }
  return queryUrls.length > 0 ? undefined : backendsBeside(endpoint.urls[signal], signal, get, Math.min(timeoutMs, 1000))
}

async function tryEndpoint(trial: Trial): Promise<Finding[]> {
  const { destination, endpoint, subject, deps } = trial
  const transport = await openTransport(destination, endpoint, deps.nowMs)
  const findings: Finding[] = []
  const needed = expected(subject.config)
  const wanted = (destination.signals ?? signals).toSorted((a, b) => Number(needed.has(b)) - Number(needed.has(a)))
  try {
    for (const signal of wanted) {
      // What fails for a signal that comes in would be said three times.
      if (!needed.has(signal) && findings.some(({ level }) => level === 'fail')) continue
      const sent: Sent[] = []
      findings.push(...(await trySignal(trial, transport, signal, sent)))
      if (sent.length === 0) continue
      const backend = await backendsFor(endpoint, signal, subject, deps)
      if (backend !== undefined) findings.push(...(await readBack(destination.name, backend, sent, subject, deps)))
    }
  } finally {
    await transport.close()
  }
  return findings
}

/** Sends probes to every endpoint of every destination, and looks for them where a query API is known. */
export const checkDestinations: Check = async (subject, deps) => {
  if (!subject.send) return []
  const trials = destinationsOf(subject.config.emit).flatMap((destination) =>
    destination.endpoints.map((endpoint) => tryEndpoint({ destination, endpoint, subject, deps })),
  )
  return (await Promise.all(trials)).flat()
}

/** Says which of the URLs given nobody answers at. */
export const checkQueryUrls: Check = async ({ queryUrls, timeoutMs }, { get }) => {
  const findings = queryUrls.map(async (url): Promise<Finding[]> => {
    const backend = await backendAt(url, get, timeoutMs)
    const about = { check: 'query', about: maskUserinfo(url) }
    if (backend !== undefined) return [{ ...about, level: 'ok', seen: `${backend.kind} answers` }]
    return [
      { ...about, level: 'fail', seen: 'neither Jaeger, Tempo, Prometheus nor Loki answers there', knob: '--query-url', remote: true },
    ]
  })
  return (await Promise.all(findings)).flat()
}
