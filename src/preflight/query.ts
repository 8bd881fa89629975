/** Backends that can be asked whether they have what was sent: which one answers at a URL, and how it is asked. */

import type { Signal } from '../otlp/intake.ts'
import type { HttpGet } from './http-get.ts'
import { type Probe, probeName, probeService } from './probes.ts'

/** A query API. */
export interface Backend {
  readonly kind: 'Jaeger' | 'Tempo' | 'Prometheus' | 'Loki'
  readonly signal: Signal
  readonly url: string
  /** True when the probe is there. Rejects when the backend cannot be asked. */
  holds(probe: Probe): Promise<boolean>
  /** The same by a search over its time, where that is another way than by its id. */
  readonly searches?: ((probe: Probe) => Promise<boolean>) | undefined
}

interface Kind {
  readonly kind: Backend['kind']
  readonly signal: Signal
  /** Port by default. */
  readonly port: number
  /** A path that only this kind answers, and what its answer looks like. */
  readonly sign: readonly [path: string, pattern: RegExp]
  path(probe: Probe): string
  found(status: number, body: string, probe: Probe): boolean
  /** A search that finds it, if it finds anything of its time. */
  searchPath?(probe: Probe): string
}

const dayNanos = 86_400_000_000_000n

const kinds: readonly Kind[] = [
  {
    kind: 'Jaeger',
    signal: 'traces',
    port: 16686,
    sign: ['/api/services', /^\s*\{"data":(\[|null)/],
    path: ({ run }) => `/api/traces/${run}`,
    found: (status, body, { run }) => status === 200 && body.includes(`"${run}"`),
  },
  {
    kind: 'Tempo',
    signal: 'traces',
    port: 3200,
    sign: ['/api/echo', /^echo\s*$/],
    path: ({ run }) => `/api/traces/${run}`,
    found: (status, body) => status === 200 && body.includes(probeName),
    searchPath({ run, timeUnixNano }) {
      const at = Number(BigInt(timeUnixNano) / 1_000_000_000n)
      return `/api/search?q=${encodeURIComponent(`{ span.run = "${run}" }`)}&start=${at - 3600}&end=${at + 3600}&limit=5`
    },
  },
  {
    kind: 'Loki',
    signal: 'logs',
    port: 3100,
    sign: ['/loki/api/v1/status/buildinfo', /"version"/],
    path: ({ run, timeUnixNano }) => {
      const query = encodeURIComponent(`{service_name="${probeService}"} |= "${run}"`)
      const at = BigInt(timeUnixNano)
      return `/loki/api/v1/query_range?query=${query}&start=${at - dayNanos}&end=${at + dayNanos}&limit=1`
    },
    found: (status, body, { run }) => status === 200 && body.includes(`run=${run}`),
  },
  {
    kind: 'Prometheus',
    signal: 'metrics',
    port: 9090,
    sign: ['/api/v1/status/buildinfo', /"status":"success"/],
    path: ({ run, timeUnixNano }) => {
      const query = encodeURIComponent(`{__name__=~"${probeName}.*",run="${run}"}`)
      return `/api/v1/query?query=${query}&time=${Number(BigInt(timeUnixNano) / 1_000_000n) / 1000}`
    },
    found: (status, body, { run }) => status === 200 && body.includes(`"run":"${run}"`),
  },
]

const within = (url: string, path: string): string => `${url.replace(/\/+$/, '')}${path}`

/** The backend at a URL; undefined when nobody there is one of those known. */
export async function backendAt(url: string, get: HttpGet, timeoutMs: number, only: readonly Kind[] = kinds): Promise<Backend | undefined> {
  for (const { kind, signal, sign, path, found, searchPath } of only) {
    try {
      const { status, body } = await get(within(url, sign[0]), { timeoutMs })
      if (status !== 200 || !sign[1].test(body)) continue
    } catch {
      // Nobody answers, or not in this way.
      continue
    }
    const holds = async (probe: Probe): Promise<boolean> => {
      const answer = await get(within(url, path(probe)), { timeoutMs, headers: { accept: 'application/json' } })
      return found(answer.status, answer.body, probe)
    }
    const searches =
      searchPath &&
      (async (probe: Probe): Promise<boolean> => {
        const { status, body } = await get(within(url, searchPath(probe)), { timeoutMs, headers: { accept: 'application/json' } })
        // Ids come without leading zeros.
        return status === 200 && body.includes(probe.run.replace(/^0+/, ''))
      })
    return { kind, signal, url, holds, searches }
  }
  return undefined
}

/** Backends on their usual ports of the host that an endpoint is on, for a signal. */
export async function backendsBeside(endpoint: string, signal: Signal, get: HttpGet, timeoutMs: number): Promise<Backend | undefined> {
  const { hostname } = new URL(endpoint)
  for (const kind of kinds.filter((one) => one.signal === signal)) {
    const found = await backendAt(`http://${hostname}:${kind.port}`, get, timeoutMs, [kind])
    if (found !== undefined) return found
  }
  return undefined
}
