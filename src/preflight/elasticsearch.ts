/** Whether clients of Elasticsearch would reach the bridge: who answers at the address that they are told to go to. */

import type { Check, Finding, PreflightDeps, Subject } from './finding.ts'

/** Who answers `GET /` the way Elasticsearch does. */
export interface Answering {
  /** `unknown`: it wants credentials, or is no Elasticsearch at all. */
  readonly who: 'bridge' | 'elasticsearch' | 'unknown'
  /** `an Elasticsearch 7.17.29`, `an OpenSearch 2.11.0`, `something that answers 401`. */
  readonly words: string
}

interface Root {
  readonly name?: unknown
  readonly cluster_name?: unknown
  readonly tagline?: unknown
  readonly version?: { readonly number?: unknown; readonly distribution?: unknown }
}

function rootOf(body: string): Root | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** What others say of themselves is not trusted to be short. */
const shown = (text: unknown): string => String(text).slice(0, 40)

/** Asks the root of a server. Undefined when nobody answers in time. @param origin `http://127.0.0.1:9200` */
export async function whoAnswers(origin: string, { timeoutMs }: Pick<Subject, 'timeoutMs'>, { get }: Pick<PreflightDeps, 'get'>) {
  try {
    return answering(await get(`${origin}/`, { timeoutMs }))
  } catch {
    return undefined
  }
}

/** Who it is, by what `GET /` was answered with. */
export function answering({ status, body }: { readonly status: number; readonly body: string }): Answering {
  const root = rootOf(body)
  const number = root?.version?.number
  if (typeof number !== 'string') return { who: 'unknown', words: `something that answers ${status}` }
  if (root?.name === 'otlp-bridge' && root.cluster_name === 'otlp-bridge') return { who: 'bridge', words: 'a bridge' }
  const product = root?.version?.distribution === 'opensearch' ? 'OpenSearch' : 'Elasticsearch'
  return { who: 'elasticsearch', words: `an ${product} ${shown(number)}` }
}

const knob = 'ingest.elasticsearch.publicAddress'

/** Looks at `publicAddress`, where there is one: clients that ask for the nodes of the cluster send to it from then on. */
export const checkPublicAddress: Check = async (subject, deps) => {
  const section = subject.config.ingest?.elasticsearch
  if (section?.publicAddress === undefined) return []
  const { publicAddress, tls } = section
  const found = await whoAnswers(`${tls === undefined ? 'http' : 'https'}://${publicAddress}`, subject, deps)
  const about = { check: 'address', about: 'ingest.elasticsearch' }
  const finding = (level: Finding['level'], seen: string): Finding =>
    level === 'ok' ? { ...about, level, seen } : { ...about, level, seen, knob }
  if (found === undefined)
    return [finding('warn', `nobody answers at ${publicAddress}, where clients will be told to go: not yet, or not there`)]
  if (found.who === 'bridge') return [finding('ok', `${publicAddress} is a bridge`)]
  if (found.who === 'unknown') return [finding('warn', `${publicAddress}, where clients will be told to go, is ${found.words}`)]
  return [finding('fail', `${publicAddress}, where clients will be told to go, is ${found.words}: documents would go past the bridge`)]
}
