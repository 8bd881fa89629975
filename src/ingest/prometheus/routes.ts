/** The endpoint of remote-write: negotiation, tenants, answers. What decodes and translates is loaded with the first request. */

import type { IncomingMessage } from 'node:http'
import { BridgeError } from '../../errors.ts'
import { type Cell, cappedValues } from '../../telemetry/metrics.ts'
import type { AdapterDeps, Listener } from '../adapter.ts'
import { type BodyRoute, pathOf } from '../exchange.ts'
import { replyText, startHttp } from '../http.ts'
import type { Pages } from '../pages.ts'
import { asBridgeError, createRequestBooks } from '../receive.ts'
import { type PrometheusConfig, tenantPart } from './config.ts'
import { createMismatchLog, createVersions, headFault, type Version } from './negotiate.ts'
import { addHealth, healthPaths, replyNotHere } from './reads.ts'
import type { RemoteWrite, WriteReceipt } from './remote-write.ts'
import { replyError, replyReceipt } from './replies.ts'
import { createTenantReader } from './tenant.ts'

/** What the endpoint needs for its first request. */
export interface Opened {
  readonly remote: RemoteWrite
  /** Snappy. */
  readonly decode: (body: Uint8Array) => Uint8Array
}

export interface PrometheusParts {
  /** Loads it all. Called again when it was rejected; never while one call is under way. */
  open(): Promise<Opened>
  /** Whether something waits from an earlier run, so that `open` must not wait for a request. */
  waits?(): Promise<boolean>
}

/** How long a request waits for what takes it, while nothing can be stored. */
const patienceMs = 2000

/** By listener: resolves when what it remembers is saved, and the next one may read it. */
const ended = new WeakMap<Listener, Promise<void>>()

/** Starts the endpoint. Throws OB_LISTEN, or OB_CONFIG for the files of `tls` and `auth`. */
export async function startPrometheus(
  config: PrometheusConfig,
  parts: PrometheusParts,
  pages: Pages,
  deps: AdapterDeps,
): Promise<Listener> {
  const section = 'ingest.prometheus'
  const { promise: end, resolve: hasEnded } = Promise.withResolvers<void>()
  const predecessor = deps.before?.(section)
  const free = predecessor === undefined ? undefined : ended.get(predecessor)
  const remote = createOnDemand(parts, free, deps)
  const versionOf = createVersions()
  const logMismatch = createMismatchLog(deps.log)
  const answered = createAnswers(deps)

  const bodyRoute = (path: string): BodyRoute => {
    const tenantOf = createTenantReader(path, config.limits.tenant)
    const readVersion = (request: IncomingMessage) => versionOf(request.headers['content-type'])
    return {
      path,
      ready: (request) => remote.ready(readVersion(request) ?? 1),
      choose(request, atTheDoor) {
        const tenant = atTheDoor ? '' : tenantOf(request)
        return remote.opened().remote.receiver(readVersion(request) ?? 1, typeof tenant === 'string' ? tenant : '')
      },
      checkHead(request) {
        const version = readVersion(request)
        const fault = headFault(version, request.headers['content-encoding'])
        if (fault !== undefined) return fault
        if (version !== undefined) logMismatch(request, version)
        const tenant = tenantOf(request)
        return typeof tenant === 'string' ? undefined : tenant
      },
      decode: (body) => remote.opened().decode(body),
      accepted(request, response, receipt: WriteReceipt) {
        replyReceipt(response, readVersion(request) ?? 1, receipt)
        answered(readVersion(request), tenantOf(request), response.statusCode)
      },
      refused(request, response, error, plain, translated) {
        replyError(request, response, readVersion(request), error, plain !== undefined || translated, config.whenFull)
        answered(readVersion(request), tenantOf(request), response.statusCode)
      },
    }
  }

  const writes = config.paths.map((path) => new RegExp(`^${path.split(tenantPart).map(escaped).join('[^/]+')}$`))
  const { host, port, limits, timeouts, tls, auth } = config
  const http = await startHttp(
    {
      section,
      host,
      port,
      limits,
      timeouts,
      tls,
      auth,
      healthPaths,
      bodies: [...new Set(config.paths)].map(bodyRoute),
      aside: {
        isTheirs: (_method, path) => !healthPaths.includes(path) && !writes.some((one) => one.test(path)),
        absent(_request, response, newUi) {
          if (newUi === undefined) return false
          replyText(response, 503, `the old backend does not answer: samples are forwarded, query them at ${newUi}\n`, {
            'retry-after': '60',
          })
          return true
        },
      },
      routes: (app) => addHealth(app, pages),
      notFound(request, reply) {
        const [path = '/'] = pathOf(request.raw.url ?? '/').split('?', 1)
        if (!writes.some((one) => one.test(path))) replyNotHere(reply.raw, path, config.newBackend ?? pages.endpoint)
        else replyText(reply.raw, 405, 'method not allowed: remote-write is sent with POST\n', { allow: 'POST' })
      },
    },
    deps,
  )
  void remote.openIfNeeded()

  const listener: Listener = {
    ...http,
    trouble: () => [...(http.trouble?.() ?? []), ...remote.trouble()],
    warnings: remote.warnings,
    pages: { 'metrics/types': remote.types },
    async stop(deadlineMs) {
      const endMs = deps.nowMs() + deadlineMs
      try {
        await http.stop(deadlineMs)
        await remote.stop(() => Math.max(0, endMs - deps.nowMs()))
      } finally {
        // Where the one before has what is remembered still, the next waits for that one.
        void Promise.resolve(free).then(hasEnded)
      }
    },
  }
  ended.set(listener, end)
  return listener
}

/** Counts answers by version of the message, tenant and status. */
function createAnswers({ metrics }: Pick<AdapterDeps, 'metrics'>): (version: Version | undefined, tenant: unknown, status: number) => void {
  const cells = new Map<string, Cell>()
  return (version, tenant, status) => {
    const message = version === undefined ? 'unknown' : `${version}.0`
    const name = typeof tenant === 'string' ? tenant : ''
    const key = `${message} ${status} ${name}`
    let cell = cells.get(key)
    if (cell === undefined) {
      // Tenants are names that senders make up; the metric keeps a cap of its own.
      if (cells.size > 2 * cappedValues) cells.clear()
      const labels = { message, code: String(status), tenant: name }
      cells.set(key, (cell = metrics.counter('otlp_bridge_prometheus_requests_total', labels)))
    }
    cell.value++
  }
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** What is behind the endpoint, from the moment on at which it is needed. @param free resolves when an endpoint before this one has let go of it */
function createOnDemand(parts: PrometheusParts, free: Promise<void> | undefined, deps: AdapterDeps) {
  let opened: Opened | undefined
  let opening: Promise<void> | undefined
  let fault: string | undefined
  let stopped = false
  const stopping = Promise.withResolvers<void>()

  const open = async (): Promise<void> => {
    try {
      // It may be that the one before goes on, and this one is given up.
      await Promise.race([free, stopping.promise])
      if (stopped) throw new BridgeError('OB_STOPPING', 'cannot take the request: the bridge is stopping')
      opened = await parts.open()
      fault = undefined
    } catch (error) {
      if (!stopped) {
        fault = `remote-write cannot be taken: ${asBridgeError(error).message}`
        deps.log.error({ section: 'ingest.prometheus', error }, 'what takes remote-write could not be loaded')
      }
      throw error
    } finally {
      opening = undefined
    }
  }

  const get = (): Promise<void> => {
    opening ??= open()
    return opening
  }

  /** While the store cannot be read there is no end to opening: the sender is told so, and comes back. */
  const unreadable = (): Promise<never> =>
    new Promise((_resolve, reject) => {
      const timer = setTimeout(() => {
        const refusal = deps.intake.refusal()
        if (refusal !== undefined) reject(refusal)
      }, patienceMs)
      timer.unref()
    })

  return {
    /** Of a request, which is counted here when there is nobody else to do it. */
    ready(version: Version): Promise<void> | undefined {
      if (opened !== undefined) return undefined
      return Promise.race([get(), unreadable()]).catch((error) => {
        const books = createRequestBooks(`remote-write-${version}`, 'http', deps)
        books.arrived(0)
        books.refused(asBridgeError(error))
        throw error
      })
    },
    opened(): Opened {
      if (opened === undefined) throw new Error('BUG: remote-write is used before it is there')
      return opened
    },
    async openIfNeeded(): Promise<void> {
      try {
        await Promise.race([free, stopping.promise])
        if (stopped || (await parts.waits?.()) !== true || stopped) return
        if (opened === undefined) await get()
      } catch {
        // Said in the log and by `trouble`; the first request tries again.
      }
    },
    trouble: (): readonly string[] => [...(fault === undefined ? [] : [fault]), ...(opened?.remote.trouble() ?? [])],
    warnings: (): readonly string[] => opened?.remote.warnings() ?? [],
    async types(query: Readonly<Record<string, string>>): Promise<unknown> {
      if (opened === undefined && !stopped) await get()
      return opened?.remote.types(query)
    },
    async stop(leftMs: () => number): Promise<void> {
      stopped = true
      stopping.resolve()
      // A store that cannot be read holds it up for as long as that lasts.
      const { promise: late, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, leftMs())
      await Promise.race([opening?.catch(() => {}), late])
      clearTimeout(timer)
      await opened?.remote.stop(leftMs())
    },
  }
}
