/** The list of those who still send legacy formats: who, with which library, from where, how much and how long ago. */

import type { ClientRecord } from '../admin/api.ts'
import type { ClientsQuery, ClientsSource } from '../admin/sources.ts'
import type { Books, Watcher } from '../books/books.ts'
import { endpointOfBatch } from '../books/endpoint.ts'
import type { Observer, Seen } from '../ingest/observe.ts'
import type { EncodedBatch } from '../otlp/intake.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { AddressMode } from './addresses.ts'
import { adviceFor } from './advice.ts'
import type { InventoryConfig } from './config.ts'
import { createEntries, type Entry } from './entries.ts'
import type { Identity } from './identify.ts'
import { readProcesses } from './processes.ts'
import { loadClients, saveClients } from './table.ts'

export interface InventoryDeps {
  readonly config: InventoryConfig
  /** What `inventory.addresses` is when it is not said. */
  readonly addresses: AddressMode
  readonly books: Pick<Books, 'file' | 'nowMs' | 'watch'>
  readonly metrics: Metrics
}

/** It is also an observer: of the resources of some requests it learns what processes say of themselves. */
export interface Inventory extends ClientsSource, Observer {
  /** All entries, for the command. */
  all(): readonly ClientRecord[]
  /** Writes what is not in the file yet; also done once a minute. */
  save(): void
}

/** Formats that are not legacy. */
const own = /^otlp/

/** Keys of one batch that are looked at; the others are one. */
const maxKeys = 64
const otherKey = '(other)'

/** How much of a minute's items goes into the rate. */
const weight = 0.2

/** What is known of the processes of one service. */
interface Service {
  /** By library and version. */
  readonly identities: Map<string, Identity>
  readonly hosts: Set<string>
}

/** Services whose processes are remembered, libraries and hosts of each. */
const maxServices = 5000
const maxIdentities = 5
const maxHosts = 20

/** Requests that are looked at, a second, and bytes of one. */
const looksPerSecond = 5
const maxLook = 1024 * 1024

const dayMs = 86_400_000

/** Creates the list and lets the books tell it of every batch. */
export function createInventory({ config, addresses, books, metrics }: InventoryDeps): Inventory {
  const entries = createEntries({ max: config.max, addresses: config.addresses ?? addresses })
  const services = new Map<string, Service>()
  let nowMs = books.nowMs()
  let minute = Math.floor(nowMs / 60_000)
  let looks = looksPerSecond
  let loaded = 0

  books.file.onOpen((open) => loadClients(open, entries))

  const count = (entry: Entry, items: number, address: string | undefined): void => {
    const day = Math.floor(nowMs / dayMs)
    if (entry.day !== day) {
      entry.day = day
      entry.dayItems = 0
    }
    entry.items += items
    entry.newItems += items
    entry.dayItems += items
    entry.minuteItems += items
    entry.lastMs = nowMs
    entry.dirty = true
    if (address !== undefined) entry.addresses.see(address, nowMs)
  }

  const watcher: Watcher = {
    received(batch) {
      // Without items it is a probe, or cannot be read: no client of a service.
      if (batch.items === 0 || own.test(batch.format)) return
      const { client, keys, format } = batch
      const agent = entries.agent(endpointOfBatch(batch), format, client)
      if (keys === undefined || keys.length === 0) {
        count(entries.entry(agent, format, '', nowMs), batch.items, client?.address)
        return
      }
      for (let at = 0; at < keys.length; at++) {
        const { service, items } = keys[at] as { service: string; items: number }
        count(entries.entry(agent, format, at < maxKeys ? service : otherKey, nowMs), items, client?.address)
      }
    },
    refused(batch: EncodedBatch) {
      if (batch.items === 0 || own.test(batch.format)) return
      const agent = entries.agent(endpointOfBatch(batch), batch.format, batch.client)
      const entry = entries.entry(agent, batch.format, batch.keys?.[0]?.service ?? '', nowMs)
      entry.errors++
      entry.newErrors++
      entry.dirty = true
    },
    tick() {
      nowMs = books.nowMs()
      looks = looksPerSecond
      const now = Math.floor(nowMs / 60_000)
      if (now === minute) return
      const passed = Math.min(Math.max(1, now - minute), 60)
      minute = now
      for (const entry of entries.all) {
        // What came in the minute that ended, then minutes of nothing if the clock went further.
        const ended =
          entry.rate === 0 && entry.items === entry.minuteItems ? entry.minuteItems : entry.rate + weight * (entry.minuteItems - entry.rate)
        entry.rate = ended * (1 - weight) ** (passed - 1)
        entry.minuteItems = 0
      }
      save()
    },
    stop: () => save(),
  }
  books.watch(watcher)

  const save = (): void => {
    const gone = entries.takeGone()
    const dirty = [...entries.all].filter((entry) => entry.dirty)
    if (dirty.length === 0 && gone.length === 0) return
    if (!books.file.write((open) => saveClients(open, dirty, gone, nowMs))) return
    for (const entry of dirty) {
      entry.dirty = false
      entry.newItems = 0
      entry.newErrors = 0
    }
  }

  /** What other processes of the bridge wrote. */
  const refresh = (): void => {
    if (!books.file.present || Math.abs(nowMs - loaded) < 30_000) return
    loaded = nowMs
    save()
    books.file.read((open) => loadClients(open, entries))
  }

  const learn = ({ endpoint, otlp }: Seen): void => {
    for (const { service, identity, host } of readProcesses(otlp)) {
      const name = `${endpoint}\n${service}`
      let known = services.get(name)
      if (known === undefined) {
        if (services.size >= maxServices) services.delete(services.keys().next().value as string)
        services.set(name, (known = { identities: new Map(), hosts: new Set() }))
      }
      if (identity !== undefined && known.identities.size < maxIdentities)
        known.identities.set(`${identity.library} ${identity.version ?? ''}`, identity)
      if (host !== undefined && known.hosts.size < maxHosts) known.hosts.add(host)
    }
  }

  const recordOf = (entry: Entry): ClientRecord => {
    const { agent, format, key } = entry
    const service = services.get(`${agent.endpoint}\n${key}`)
    const said = service === undefined ? [] : [...service.identities.values()]
    const { library, version, language, probably } = said[0] ?? agent.identity
    const versions = said.length > 1 ? said.map((one) => one.version ?? '?').join(', ') : version
    const advice = adviceFor(library)
    const rate = entry.rate === 0 && entry.items === entry.minuteItems ? entry.minuteItems : entry.rate
    return {
      endpoint: agent.endpoint,
      format,
      key,
      library,
      ...(versions === undefined ? {} : { version: versions }),
      ...(language === undefined ? {} : { language }),
      probably,
      addresses: entry.addresses.list(),
      ...(service === undefined || service.hosts.size === 0 ? {} : { via: [...service.hosts].join(', ') }),
      firstSeen: new Date(entry.firstMs).toISOString(),
      lastSeen: new Date(entry.lastMs).toISOString(),
      itemsPerMinute: Math.round(rate * 10) / 10,
      itemsToday: entry.day === Math.floor(nowMs / dayMs) ? entry.dayItems : 0,
      errors: entry.errors,
      silent: nowMs - entry.lastMs > config.silentAfter,
      ...(advice === undefined ? {} : { advice }),
    }
  }

  const all = (): readonly ClientRecord[] => {
    nowMs = books.nowMs()
    refresh()
    return [...entries.all].map(recordOf)
  }

  const endpoints = new Set<string>()
  metrics.onCollect(() => {
    const [known, silent] = [new Map<string, number>(), new Map<string, number>()]
    for (const { agent, lastMs } of entries.all) {
      endpoints.add(agent.endpoint)
      known.set(agent.endpoint, (known.get(agent.endpoint) ?? 0) + 1)
      if (nowMs - lastMs > config.silentAfter) silent.set(agent.endpoint, (silent.get(agent.endpoint) ?? 0) + 1)
    }
    for (const endpoint of endpoints) {
      metrics.gauge('otlp_bridge_clients_known', { endpoint }).value = known.get(endpoint) ?? 0
      metrics.gauge('otlp_bridge_clients_silent', { endpoint }).value = silent.get(endpoint) ?? 0
    }
  })

  return {
    all,
    list: ({ sort, filter }) =>
      sorted(
        all().filter((one) => matches(one, filter.toLowerCase())),
        sort,
      ),
    count(endpoint) {
      let found = 0
      for (const { agent } of entries.all) if (agent.endpoint === endpoint) found++
      return found
    },
    get truncated() {
      return entries.truncated
    },
    save,
    wants: (endpoint) => looks > 0 && (endpoint.startsWith('jaeger') || endpoint.startsWith('zipkin')),
    see(seen) {
      if (looks <= 0 || seen.otlp.length === 0 || seen.otlp.length > maxLook || seen.signal !== 'traces') return
      looks--
      try {
        learn(seen)
      } catch {
        // We made these bytes; what cannot be read of them is not worth a list of clients.
      }
    },
  }
}

const matches = ({ key, library, addresses, endpoint, via = '' }: ClientRecord, filter: string): boolean =>
  filter === '' || [key, library, endpoint, via, ...addresses].some((one) => one.toLowerCase().includes(filter))

const order: Readonly<Record<ClientsQuery['sort'], (a: ClientRecord, b: ClientRecord) => number>> = {
  items: (a, b) => b.itemsPerMinute - a.itemsPerMinute,
  key: (a, b) => compare(a.key, b.key),
  library: (a, b) => compare(a.library, b.library) || compare(a.version ?? '', b.version ?? ''),
  lastSeen: (a, b) => compare(b.lastSeen ?? '', a.lastSeen ?? ''),
  firstSeen: (a, b) => compare(a.firstSeen ?? '', b.firstSeen ?? ''),
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Sorted; what is equal by endpoint, key and library, so that pages of it do not change places. */
function sorted(records: readonly ClientRecord[], sort: ClientsQuery['sort']): readonly ClientRecord[] {
  return [...records].sort(
    (a, b) =>
      order[sort](a, b) ||
      compare(a.endpoint, b.endpoint) ||
      compare(a.key, b.key) ||
      compare(a.format, b.format) ||
      compare(a.library, b.library),
  )
}
