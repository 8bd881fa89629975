/** The old backends: whether each is there, what it says of itself, and whether it takes what it is going to get. Nothing is written to any of them. */

import type { SecureContext } from 'node:tls'
import { maskUserinfo } from '../config/mask.ts'
import { type MirrorEndpointConfig, mirrorsOf } from '../mirror/config.ts'
import { authorizationOf } from '../mirror/credentials.ts'
import { readTls } from '../net/tls.ts'
import { answering } from './elasticsearch.ts'
import { because, type Check, type Finding, type PreflightDeps, type Subject } from './finding.ts'
import type { HttpAnswer } from './http-get.ts'
import { tryConnection } from './tcp.ts'

interface Trial {
  readonly endpoint: string
  readonly config: MirrorEndpointConfig
  /** The old backend's address, credentials left out. */
  readonly url: string
  readonly secureContext: SecureContext | undefined
  readonly subject: Subject
  readonly deps: PreflightDeps
}

type Said = Pick<Finding, 'level' | 'seen'> & { readonly knob?: string }

const within = (url: string, path: string): string => `${url.replace(/\/+$/, '')}${path}`

const urlKnob = ({ endpoint }: Trial): string => `mirror.${endpoint}.url, or whether it runs there`

/** What is wrong with an old side that need not be there any more is only to be looked at. */
const levelOf = ({ config }: Trial): Finding['level'] => (config.phase === 'new-only' ? 'warn' : 'fail')

async function ask(
  { config, secureContext, subject, deps }: Trial,
  path: string,
  post?: { body: Uint8Array; headers: object },
): Promise<HttpAnswer> {
  const { value } = authorizationOf(config)
  const headers = { accept: 'application/json', ...(value === undefined ? {} : { authorization: value }), ...post?.headers }
  const options = { timeoutMs: subject.timeoutMs, headers, secureContext, ...(post === undefined ? {} : { post: post.body }) }
  return deps.get(within(config.url, path), options)
}

/** An answer that says who is asked for, not how the old side does; undefined for others. */
function refusal(trial: Trial, { status }: HttpAnswer): Said | undefined {
  const { endpoint, config, url } = trial
  if (status >= 300 && status < 400)
    return {
      level: levelOf(trial),
      seen: `${url} answers ${status}: it sends elsewhere, which is not followed`,
      knob: `mirror.${endpoint}.url`,
    }
  if (status !== 401 && status !== 403) return undefined
  if (config.auth === 'own') {
    return { level: levelOf(trial), seen: `${url} refuses our credentials (HTTP ${status})`, knob: `mirror.${endpoint}.credentials` }
  }
  if (config.auth === 'none')
    return { level: levelOf(trial), seen: `${url} wants credentials (HTTP ${status})`, knob: `mirror.${endpoint}.auth: pass or own` }
  return { level: 'ok', seen: `${url} wants credentials (HTTP ${status}); those of each client go on with its requests` }
}

async function tryZipkin(trial: Trial): Promise<Said> {
  const health = await ask(trial, '/health')
  if (health.status === 200 && /"UP"/.test(health.body)) return { level: 'ok', seen: `${trial.url} is a Zipkin, and up` }
  if (/"(DOWN|OUT_OF_SERVICE)"/.test(health.body)) {
    return { level: 'warn', seen: `${trial.url} is a Zipkin that says it is not well (HTTP ${health.status})`, knob: 'its own storage' }
  }
  const services = await ask(trial, '/api/v2/services')
  const refused = refusal(trial, services)
  if (refused !== undefined) return refused
  if (services.status === 200 && services.body.trimStart().startsWith('[')) return { level: 'ok', seen: `${trial.url} is a Zipkin` }
  return {
    level: 'warn',
    seen: `${trial.url} answers ${services.status} to /api/v2/services: it may not be a Zipkin, or only its collector`,
    knob: `mirror.${trial.endpoint}.url`,
  }
}

async function tryElasticsearch(trial: Trial): Promise<Said> {
  const answer = await ask(trial, '/')
  const refused = refusal(trial, answer)
  if (refused !== undefined) return refused
  const { who, words } = answering(answer)
  const knob = `mirror.${trial.endpoint}.url`
  if (who === 'bridge') return { level: 'fail', seen: `${trial.url} is a bridge, not an old cluster`, knob }
  if (who === 'unknown') return { level: 'warn', seen: `${trial.url} is ${words}, not Elasticsearch`, knob }
  return { level: 'ok', seen: `${trial.url} is ${words}` }
}

/** Snappy's form of no bytes at all: a request without a series, in either version. */
const emptyWrite = Uint8Array.of(0)

const writeTypes = {
  1: { 'content-type': 'application/x-protobuf', 'x-prometheus-remote-write-version': '0.1.0' },
  2: { 'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request', 'x-prometheus-remote-write-version': '2.0.0' },
} as const

const isWell = ({ status }: HttpAnswer): boolean => status >= 200 && status < 300

async function tryPrometheus(trial: Trial): Promise<Said | readonly Said[]> {
  const path = trial.subject.config.ingest.prometheus?.paths.find((one) => !one.includes('{')) ?? '/api/v1/write'
  const send = (version: 1 | 2): Promise<HttpAnswer> =>
    ask(trial, path, { body: emptyWrite, headers: { 'content-encoding': 'snappy', ...writeTypes[version] } })
  const where = maskUserinfo(within(trial.config.url, path))
  const one = await send(1)
  const refused = refusal(trial, one)
  if (refused !== undefined) return refused
  if (one.status === 404 || one.status === 405) {
    return {
      level: levelOf(trial),
      seen: `${where} answers ${one.status}: it takes no remote-write there`,
      knob: `--web.enable-remote-write-receiver of an old Prometheus, or mirror.${trial.endpoint}.url`,
    }
  }
  if (!isWell(one)) {
    const said = one.body.replace(/\s+/g, ' ').slice(0, 120)
    return { level: 'warn', seen: `${where} answers ${one.status} to an empty request: ${said}`, knob: `mirror.${trial.endpoint}.url` }
  }
  const first: Said = { level: 'ok', seen: `${where} takes remote-write` }
  const two = await send(2)
  const knob = 'protobuf_message: prometheus.WriteRequest at the senders'
  if (isWell(two) && two.headers?.['x-prometheus-remote-write-samples-written'] !== undefined)
    return [first, { level: 'ok', seen: `${where} takes version 2 of it, too` }]
  if (isWell(two)) {
    const seen = `${where} takes a request of version 2 without saying what it wrote: it may not know that version, and lose what it is sent`
    return [first, { level: 'warn', seen, knob }]
  }
  const seen = `${where} answers ${two.status} to version 2 of it: what senders of that version bring would become dead letters`
  return [first, { level: 'warn', seen, knob: `${knob}, or mirror.${trial.endpoint}.answer: legacy, which tells them` }]
}

const usualPorts: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 }

async function tryTcp(trial: Trial): Promise<Said> {
  const { hostname, port, protocol } = new URL(trial.config.url)
  await tryConnection({
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (usualPorts[protocol] ?? 0) : Number(port),
    timeoutMs: trial.subject.timeoutMs,
    tls: protocol === 'https:' || protocol === 'tls:',
    secureContext: trial.secureContext,
  })
  return { level: 'ok', seen: `${trial.url} takes connections; what it does with data only data can show` }
}

const isUdp = ({ config }: Trial): boolean => 'via' in config && config.via === 'udp'

async function tryUdp({ url, endpoint }: Trial): Promise<Said> {
  return {
    level: 'warn',
    seen: `nobody can know whether an agent listens at ${url}: datagrams are not answered`,
    knob: `ss -lun on that host; or mirror.${endpoint}.via: http, with the URL of a collector`,
  }
}

function trialOf(trial: Trial): Promise<Said | readonly Said[]> {
  if (isUdp(trial)) return tryUdp(trial)
  switch (trial.endpoint) {
    case 'zipkin':
      return tryZipkin(trial)
    case 'elasticsearch':
      return tryElasticsearch(trial)
    case 'prometheus':
      return tryPrometheus(trial)
    default:
      return tryTcp(trial)
  }
}

async function tryMirror(
  endpoint: string,
  config: MirrorEndpointConfig,
  subject: Subject,
  deps: PreflightDeps,
): Promise<readonly Finding[]> {
  const about = { check: 'old side', about: `mirror.${endpoint}` }
  const tls = 'tls' in config ? config.tls : {}
  const given = tls.ca !== undefined || tls.cert !== undefined
  const { material, faults } = await readTls(tls)
  if (material === undefined) {
    return faults.map(({ key, message }) => {
      const place = `mirror.${endpoint}.tls.${key}`
      return { check: 'certificate', about: place, level: 'fail', seen: message, knob: place }
    })
  }
  const trial: Trial = {
    endpoint,
    config,
    url: maskUserinfo(config.url),
    secureContext: given ? material.context : undefined,
    subject,
    deps,
  }
  try {
    const said = [await trialOf(trial)].flat()
    return said.map((one): Finding => ({ ...about, ...one, ...(one.level === 'fail' ? { remote: true } : {}) }))
  } catch (error) {
    return [{ ...about, level: levelOf(trial), seen: `cannot reach ${trial.url}: ${because(error)}`, knob: urlKnob(trial), remote: true }]
  }
}

/** Asks every old backend, with our own credentials where there are some. With `--no-send` as well: what is asked writes nothing. */
export const checkMirrors: Check = async (subject, deps) =>
  (await Promise.all([...mirrorsOf(subject.config.mirror)].map(([endpoint, config]) => tryMirror(endpoint, config, subject, deps)))).flat()
