/** Which program a destination is, told by what it says of its build: that decides what a refusal of it means (mapping §5). */

import type { DestinationConfig, EndpointConfig } from '../emit/destinations.ts'
import type { Signal } from '../otlp/intake.ts'
import type { Known } from './deliver.ts'
import type { DestinationKind } from './rejections.ts'

/** What a user may say it is: `--destination`. */
export const programs = [
  'tempo',
  'jaeger',
  'loki',
  'prometheus',
  'mimir',
  'victoria',
  'clickhouse',
  'elastic',
  'collector',
  'other',
] as const

export type Program = (typeof programs)[number]

const kinds: Readonly<Record<Program, DestinationKind>> = {
  // Spans that Tempo does not want are told by a partial success; what it refuses as a whole is not stored.
  tempo: 'atomic',
  jaeger: 'atomic',
  loki: 'partial',
  prometheus: 'atomic',
  // What is good is stored, and an equal sample is taken again.
  mimir: 'atomic',
  victoria: 'atomic',
  clickhouse: 'atomic',
  elastic: 'partial',
  collector: 'unknown',
  other: 'unknown',
}

/** What follows from a program's name. */
export const knownProgram = (program: Program): Known => ({ program, kind: kinds[program], byStream: program === 'loki' })

/** Where each is asked, below what its OTLP address is below. */
const questions: readonly { readonly signal: Signal; readonly path: string; readonly suffix: RegExp; readonly program: Program }[] = [
  { signal: 'logs', path: '/loki/api/v1/status/buildinfo', suffix: /\/otlp\/v1\/logs$/, program: 'loki' },
  { signal: 'metrics', path: '/api/v1/status/buildinfo', suffix: /\/api\/v1\/otlp\/v1\/metrics$/, program: 'prometheus' },
]

export interface KindDeps {
  readonly fetch: typeof fetch
  /** A destination that does not answer this is sent to all the same. */
  readonly timeoutMs: number
}

/** Undefined: it could not be asked. */
async function answers(url: string, { headers }: EndpointConfig, deps: KindDeps): Promise<boolean | undefined> {
  try {
    const answer = await deps.fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(deps.timeoutMs) })
    const text = await answer.text()
    if (answer.status >= 500 || answer.status === 429) return undefined
    return answer.status === 200 && /"(?:version|goVersion)"/.test(text.slice(0, 4096))
  } catch {
    // The request with data will say what is wrong.
    return undefined
  }
}

/**
 * Asks the first endpoint; only where its address has the form that the program gives it, and over http. Undefined when there was no answer: whoever wants to
 * know asks again. Never rejects.
 */
export async function askKind(config: DestinationConfig, signal: Signal, deps: KindDeps): Promise<Known | undefined> {
  const [endpoint] = config.endpoints
  if (endpoint === undefined || config.protocol === 'grpc') return knownProgram('other')
  for (const { signal: of, path, suffix, program } of questions) {
    const url = new URL(endpoint.urls[signal])
    if (of !== signal || !suffix.test(url.pathname)) continue
    url.pathname = url.pathname.replace(suffix, path)
    url.search = ''
    const found = await answers(url.href, endpoint, deps)
    if (found === undefined) return undefined
    if (found) return knownProgram(program)
  }
  return knownProgram('other')
}
