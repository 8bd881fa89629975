/** Reads dashboards and rules out of a live Grafana, Kibana or Prometheus. Nothing is written there; tokens come from the environment alone. */

import type { Family } from '../../dashboards/convert.ts'
import { BridgeError } from '../errors.ts'
import type { Learned } from './convert-context.ts'
import type { ListedSource } from './convert-sources.ts'
import type { Io } from './io.ts'
import { responseText } from './response-text.ts'

const timeoutMs = 30_000
const mostDashboards = 20_000

interface Remote {
  /** Answer as text. Rejects with OB_BACKEND. */
  text(path: string, init?: { readonly method?: string; readonly body?: string }): Promise<string>
  json(path: string): Promise<unknown>
}

const failure = (what: string, cause: string): BridgeError => new BridgeError('OB_BACKEND', `cannot read ${what}: ${cause}`)

const causeOf = (error: unknown): string =>
  error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error)

function createRemote(base: string, headers: Readonly<Record<string, string>>, ask: typeof fetch, stop: AbortSignal): Remote {
  const text: Remote['text'] = async (path, init = {}) => {
    const url = `${base}${path}`
    const shown = url.split('?')[0] ?? url
    let response: Response
    try {
      // A token goes nowhere but to the host that was named.
      response = await ask(url, {
        ...init,
        headers: { accept: 'application/json', ...(init.body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        redirect: 'error',
        signal: AbortSignal.any([stop, AbortSignal.timeout(timeoutMs)]),
      })
    } catch (error) {
      throw failure(shown, causeOf(error))
    }
    if (!response.ok) {
      await response.body?.cancel()
      const hint = response.status === 401 || response.status === 403 ? '; see GRAFANA_TOKEN, KIBANA_API_KEY, PROMETHEUS_TOKEN' : ''
      throw failure(shown, `${response.status}${hint}`)
    }
    return responseText(response).catch((error: unknown) => {
      throw failure(shown, causeOf(error))
    })
  }
  return {
    text,
    async json(path) {
      const answer = await text(path)
      try {
        return JSON.parse(answer)
      } catch {
        throw failure(`${base}${path.split('?')[0]}`, 'the answer is no JSON')
      }
    },
  }
}

const listOf = (value: unknown): readonly Record<string, unknown>[] =>
  Array.isArray(value) ? value.filter((one): one is Record<string, unknown> => typeof one === 'object' && one !== null) : []

const member = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined

const word = (value: unknown): string => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '')

/** Part of a file's name out of what somebody called something. */
const nameOf = (text: string): string =>
  text
    .normalize('NFKC')
    .replace(/[^\p{L}\p{N}._-]+/gu, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .slice(0, 80)

const environment: Readonly<Record<string, readonly [variable: string, scheme: string]>> = {
  grafana: ['GRAFANA_TOKEN', 'Bearer'],
  kibana: ['KIBANA_API_KEY', 'ApiKey'],
  prometheus: ['PROMETHEUS_TOKEN', 'Bearer'],
}

export interface RemoteMeans {
  readonly env: Io['env']
  readonly ask: typeof fetch
  readonly stop: AbortSignal
  /** Dashboards that are asked for at once. */
  readonly pageSize: number
}

/** What a URL holds. @param learned takes what it says of data sources, library panels and types of metrics */
export async function listRemote(
  given: string,
  family: Family,
  learned: Learned,
  { env, ask, stop, pageSize }: RemoteMeans,
): Promise<readonly ListedSource[]> {
  const [product = '', rest = ''] = [given.slice(0, given.indexOf('+')), given.slice(given.indexOf('+') + 1)]
  if (!URL.canParse(rest)) throw new BridgeError('OB_CONFIG', `cannot read ${product}+…: expected a URL`)
  const url = new URL(rest)
  const [variable, scheme] = environment[product] ?? ['', '']
  if (url.username !== '' || url.password !== '')
    throw new BridgeError('OB_CONFIG', `cannot read ${product}+${url.protocol}//${url.host}: a URL has no credentials; set ${variable}`)
  const token = env[variable]
  const headers = token === undefined || token === '' ? {} : { authorization: `${scheme} ${token}` }
  const withoutTail = (path: string): string => path.replace(/\/+$/, '')
  if (product === 'grafana') {
    const found = /^(.*?)\/d\/([\w-]+)(?:\/|$)/.exec(url.pathname)
    const base = `${url.origin}${withoutTail(found?.[1] ?? url.pathname)}`
    return listGrafana(createRemote(base, headers, ask, stop), base, family, learned, {
      only: found?.[2],
      folders: url.searchParams.getAll('folder'),
      pageSize,
    })
  }
  if (product === 'kibana') {
    const base = `${url.origin}${withoutTail(url.pathname)}`
    return listKibana(createRemote(base, { ...headers, 'kbn-xsrf': 'otlp-bridge' }, ask, stop), url.host, family)
  }
  const base = `${url.origin}${withoutTail(url.pathname)}`
  const remote = createRemote(base, headers, ask, stop)
  if (family === 'dashboards')
    throw new BridgeError('OB_CONFIG', 'cannot read dashboards of Prometheus: it has none; `convert alerts` reads its rules')
  learned.metadata ??= await remote.json('/api/v1/metadata')
  return [{ path: `${nameOf(url.host)}-rules.json`, named: true, read: () => remote.text('/api/v1/rules') }]
}

/** What may be missing for somebody without rights: the conversion says what it could not resolve. */
const allowed = async <T>(work: Promise<T>, standard: T): Promise<T> => {
  try {
    return await work
  } catch {
    return standard
  }
}

async function listGrafana(
  remote: Remote,
  base: string,
  family: Family,
  learned: Learned,
  { only, folders, pageSize }: { readonly only: string | undefined; readonly folders: readonly string[]; readonly pageSize: number },
): Promise<readonly ListedSource[]> {
  for (const one of listOf(await allowed(remote.json('/api/datasources'), [])))
    learned.known.push({ uid: word(one['uid']), name: word(one['name']), type: word(one['type']), isDefault: one['isDefault'] === true })
  if (family === 'alerts')
    return [{ path: 'grafana-alert-rules.json', named: true, read: () => remote.text('/api/v1/provisioning/alert-rules') }]
  for (let page = 1; page <= 100; page++) {
    const found = listOf(
      member(member(await allowed(remote.json(`/api/library-elements?kind=1&perPage=100&page=${page}`), {}), 'result'), 'elements'),
    )
    for (const one of found) learned.libraryPanels.set(word(one['uid']), JSON.stringify(one['model'] ?? {}))
    if (found.length < 100) break
  }
  const source = (uid: string, folder: string, title: string): ListedSource => {
    const name = nameOf(title)
    return {
      path: `${folder === '' ? '' : `${nameOf(folder) || 'folder'}/`}${name === '' ? '' : `${name}-`}${nameOf(uid)}.json`,
      named: true,
      link: `${base}/d/${encodeURIComponent(uid)}`,
      read: () => remote.text(`/api/dashboards/uid/${encodeURIComponent(uid)}`),
    }
  }
  if (only !== undefined) return [source(only, '', '')]
  const within = folders.map((folder) => `&folderUIDs=${encodeURIComponent(folder)}`).join('')
  const sources: ListedSource[] = []
  for (let page = 1; ; page++) {
    const found = listOf(await remote.json(`/api/search?type=dash-db&limit=${pageSize}&page=${page}${within}`))
    for (const one of found) sources.push(source(word(one['uid']), word(one['folderTitle']), word(one['title'])))
    if (found.length < pageSize) return sources
    if (sources.length > mostDashboards) throw failure(base, `more than ${mostDashboards} dashboards`)
  }
}

async function listKibana(remote: Remote, host: string, family: Family): Promise<readonly ListedSource[]> {
  const name = nameOf(host)
  if (family === 'dashboards') {
    const body = JSON.stringify({ type: ['dashboard', 'lens', 'visualization', 'search', 'map'], includeReferencesDeep: true })
    return [{ path: `${name}.ndjson`, named: true, read: () => remote.text('/api/saved_objects/_export', { method: 'POST', body }) }]
  }
  const rules = async (): Promise<string> => {
    const all: unknown[] = []
    for (let page = 1; page <= 200; page++) {
      const answer = await remote.json(`/api/alerting/rules/_find?per_page=100&page=${page}`)
      const found = listOf(member(answer, 'data'))
      all.push(...found)
      if (found.length < 100) break
    }
    return JSON.stringify(all)
  }
  return [{ path: `${name}-rules.json`, named: true, read: rules }]
}
