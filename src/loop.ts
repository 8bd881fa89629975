/** Recognises an endpoint that is one of our own listening addresses (promise 9): what we send would come back for ever. */

import { lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'

/** A listening address of ours, as the start-up table has it: section and URLs such as `http://127.0.0.1:9411`. */
export interface OwnAddress {
  readonly section: string
  readonly addresses: readonly string[]
}

interface Place {
  readonly host: string
  readonly port: number
}

const defaultPorts: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 }

const placeOf = (url: string): Place => {
  const { hostname, port, protocol } = new URL(url)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (defaultPorts[protocol] ?? 0) : Number(port) }
}

/** Every address of this machine, loopback included. */
const machineAddresses = (): string[] => Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((one) => one.address))

const everywhere = new Set(['0.0.0.0', '::'])

const resolveAll = async (host: string): Promise<string[]> => {
  try {
    return (await lookup(host, { all: true })).map((one) => one.address)
  } catch {
    // A name that cannot be resolved now is not one of ours; sending will say what is wrong with it.
    return [host]
  }
}

const isUdp = (url: string): boolean => url.startsWith('udp:')

/** The one of our addresses that the endpoint leads to, over TCP or (`udp://`) UDP; undefined when it leads elsewhere. Names are looked up. */
export async function findLoop(endpoint: string, own: readonly OwnAddress[]): Promise<OwnAddress | undefined> {
  const target = placeOf(endpoint)
  let hosts: Set<string> | undefined
  for (const one of own) {
    for (const address of one.addresses) {
      if (isUdp(address) !== isUdp(endpoint)) continue
      const { host, port } = placeOf(address)
      if (port !== target.port || port === 0) continue
      hosts ??= new Set([target.host, ...(await resolveAll(target.host))])
      const ours = everywhere.has(host) ? [host, ...machineAddresses(), '127.0.0.1', '::1'] : await resolveAll(host)
      if (ours.some((address) => hosts?.has(address) === true)) return one
    }
  }
  return undefined
}

interface ListeningSection {
  readonly enabled?: boolean
  readonly host: string
  readonly port: number
  readonly tls?: object | undefined
}

const isListening = (value: object): value is ListeningSection => 'host' in value && 'port' in value

/** The addresses a configuration is going to listen on, found by their `host` and `port`; those with port 0 are not known yet. */
export function plannedAddresses(config: { readonly ingest: object; readonly admin: object }): OwnAddress[] {
  const found: OwnAddress[] = []
  const walk = (section: string, value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    if (isListening(value) && value.enabled !== false && value.port !== 0) {
      const hosts = value.host === 'localhost' ? ['127.0.0.1', '[::1]'] : [value.host.includes(':') ? `[${value.host}]` : value.host]
      const scheme = 'receiveBuffer' in value ? 'udp' : value.tls === undefined ? 'http' : 'https'
      found.push({ section, addresses: hosts.map((host) => `${scheme}://${host}:${value.port}`) })
    }
    for (const [key, below] of Object.entries(value)) walk(`${section}.${key}`, below)
  }
  walk('ingest', config.ingest)
  walk('admin', config.admin)
  return found
}
