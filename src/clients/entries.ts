/** The entries of the list of clients, in memory and bounded. */

import type { Client } from '../otlp/intake.ts'
import { type Addresses, type AddressMode, createAddresses } from './addresses.ts'
import { type Identity, identify, shownAgent } from './identify.ts'

/** Who sends what from where. */
export interface Entry {
  readonly agent: Agent
  readonly format: string
  /** Service, job or index. */
  readonly key: string
  readonly addresses: Addresses
  firstMs: number
  lastMs: number
  /** Since the first time. */
  items: number
  errors: number
  /** Of the day that `day` counts, UTC. */
  dayItems: number
  day: number
  /** Items a minute, of late. */
  rate: number
  /** Items of the minute that is not in `rate` yet. */
  minuteItems: number
  /** Not yet in the file. */
  newItems: number
  newErrors: number
  dirty: boolean
}

/** One kind of sender at an endpoint. */
export interface Agent {
  readonly endpoint: string
  /** What tells it from others: its User-Agent and hints. */
  readonly name: string
  readonly identity: Identity
  readonly formats: Map<string, Map<string, Entry>>
  entries: number
}

export interface EntriesOptions {
  /** Entries at most. */
  readonly max: number
  readonly addresses: AddressMode
}

export interface Entries {
  agent(endpoint: string, format: string, client: Client | undefined): Agent
  /** By what the file says. */
  named(endpoint: string, name: string, identity: Identity): Agent
  entry(agent: Agent, format: string, key: string, nowMs: number, addresses?: readonly string[]): Entry
  readonly all: Iterable<Entry>
  readonly size: number
  /** True once something was not kept apart, or left the list for others. */
  readonly truncated: boolean
  /** Entries that left since it was asked last: their rows are to go, too. */
  takeGone(): readonly Entry[]
}

/** User-Agents kept apart at an endpoint. */
const maxAgents = 500

/** Of all that have no place of their own. */
const otherAgent = '(other)'

/** Longest service, job or index. */
const longestKey = 200

const other: Identity = { library: otherAgent, version: undefined, language: undefined, probably: false }

export function createEntries({ max, addresses }: EntriesOptions): Entries {
  const endpoints = new Map<string, Map<string, Agent>>()
  /** Connections name the same object again and again. */
  let byClient = new WeakMap<Client, Agent>()
  const silent = new Map<string, Agent>()
  const all = new Set<Entry>()
  let gone: Entry[] = []
  let truncated = false

  const named = (endpoint: string, name: string, identity: () => Identity): Agent => {
    let agents = endpoints.get(endpoint)
    if (agents === undefined) endpoints.set(endpoint, (agents = new Map()))
    const known = agents.get(name)
    if (known !== undefined) return known
    if (agents.size >= maxAgents && name !== otherAgent) {
      truncated = true
      return named(endpoint, otherAgent, () => other)
    }
    const agent: Agent = { endpoint, name, identity: identity(), formats: new Map(), entries: 0 }
    agents.set(name, agent)
    return agent
  }

  /** A tenth of what there is room for: those heard of least recently. */
  const evict = (): void => {
    truncated = true
    const ordered = [...all].sort((a, b) => a.lastMs - b.lastMs)
    for (const entry of ordered.slice(0, Math.max(1, Math.floor(max / 10)))) {
      all.delete(entry)
      gone.push(entry)
      const { agent, format, key } = entry
      const keys = agent.formats.get(format)
      keys?.delete(key)
      if (keys?.size === 0) agent.formats.delete(format)
      if (--agent.entries > 0) continue
      endpoints.get(agent.endpoint)?.delete(agent.name)
      // It may be the one that a connection knows.
      byClient = new WeakMap()
      silent.delete(agent.endpoint)
    }
    // What nobody reads is not kept for them.
    if (gone.length > 2 * max) gone = gone.slice(-max)
  }

  return {
    agent(endpoint, format, client) {
      if (client === undefined) {
        let agent = silent.get(endpoint)
        if (agent === undefined) {
          agent = named(endpoint, '', () => identify({ endpoint, format, userAgent: undefined }))
          silent.set(endpoint, agent)
        }
        return agent
      }
      const before = byClient.get(client)
      if (before?.endpoint === endpoint) return before
      const { userAgent, hints } = client
      const shown = [userAgent === undefined ? '' : shownAgent(userAgent), ...(hints === undefined ? [] : Object.entries(hints).flat())]
      const agent = named(endpoint, shown.join('\n').slice(0, 500), () => identify({ endpoint, format, userAgent, hints }))
      byClient.set(client, agent)
      return agent
    },
    named: (endpoint, name, identity) => named(endpoint, name, () => identity),
    entry(agent, format, wanted, nowMs, known) {
      let keys = agent.formats.get(format)
      if (keys === undefined) agent.formats.set(format, (keys = new Map()))
      const key = wanted.length > longestKey ? wanted.slice(0, longestKey) : wanted
      let entry = keys.get(key)
      if (entry === undefined) {
        entry = {
          agent,
          format,
          key,
          addresses: createAddresses(addresses, known),
          firstMs: nowMs,
          lastMs: nowMs,
          items: 0,
          errors: 0,
          dayItems: 0,
          day: 0,
          rate: 0,
          minuteItems: 0,
          newItems: 0,
          newErrors: 0,
          dirty: false,
        }
        keys.set(key, entry)
        agent.entries++
        all.add(entry)
        if (all.size > max) evict()
      }
      return entry
    },
    all,
    get size() {
      return all.size
    },
    get truncated() {
      return truncated
    },
    takeGone() {
      const taken = gone
      gone = []
      return taken
    },
  }
}
