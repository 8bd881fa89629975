/** Addresses of clients: as they are, or as networks of them. */

import { isIPv4, isIPv6 } from 'node:net'

/** How much of an address is kept. */
export type AddressMode = 'full' | 'group' | 'off'

const hextets = (address: string): number[] | undefined => {
  const [head = '', tail] = address.split('::')
  const parts = (text: string): number[] => (text === '' ? [] : text.split(':').map((one) => Number.parseInt(one, 16)))
  const [before, after] = [parts(head), parts(tail ?? '')]
  const missing = tail === undefined ? 0 : 8 - before.length - after.length
  const all = [...before, ...new Array<number>(Math.max(0, missing)).fill(0), ...after]
  return all.length === 8 && all.every((one) => one >= 0 && one <= 0xffff) ? all : undefined
}

/** `10.0.0.7` → `10.0.0.0/24`, `2001:db8:1:ab12::7` → `2001:db8:1:ab00::/56`; what is no address stays. */
export function networkOf(address: string): string {
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
  if (isIPv4(plain)) return `${plain.slice(0, plain.lastIndexOf('.'))}.0/24`
  const bare = address.split('%')[0] as string
  const all = isIPv6(bare) && !bare.includes('.') ? hextets(bare) : undefined
  if (all === undefined) return address.slice(0, 64)
  const [a = 0, b = 0, c = 0, d = 0] = all
  return `${[a, b, c, d & 0xff00].map((one) => one.toString(16)).join(':')}::/56`
}

/** Addresses of one entry, and when each was seen last. */
export interface Addresses {
  see(address: string, atMs: number): void
  /** Seen last first. */
  list(): readonly string[]
}

/** Addresses kept apart; with more of them networks are, and of those the ones seen last. */
const kept = 50

/** Creates the addresses of one entry. */
export function createAddresses(mode: AddressMode, known: readonly string[] = []): Addresses {
  let grouped = mode === 'group'
  const seen = new Map<string, number>(known.slice(0, kept).map((one) => [one, 0]))

  const put = (name: string, atMs: number): void => {
    // Behind all others, so that the first is the one not seen for longest.
    seen.delete(name)
    seen.set(name, atMs)
    if (seen.size > kept) seen.delete(seen.keys().next().value as string)
  }

  return {
    see(address, atMs) {
      if (mode === 'off' || address === '') return
      const name = grouped ? networkOf(address) : address.slice(0, 64)
      if (!grouped && seen.size >= kept && !seen.has(name)) {
        grouped = true
        const before = [...seen]
        seen.clear()
        for (const [one, at] of before) put(one.includes('/') ? one : networkOf(one), at)
        put(networkOf(address), atMs)
        return
      }
      put(name, atMs)
    },
    list: () => [...seen.keys()].reverse(),
  }
}
