/** Which addresses a listener binds: `localhost` is both loopback families, and port 0 is one free port on all of them. */

import { BridgeError } from '../errors.ts'

/** Something bound to an address and port, over TCP or UDP. */
export interface Bound {
  readonly address: string
  readonly port: number
  close(): Promise<void>
}

/** `localhost` → `127.0.0.1` and `::1`; any other host is taken as it is. Never a name lookup: `localhost` may resolve to one family only. */
export function addressesOf(host: string): readonly string[] {
  return host === 'localhost' ? ['127.0.0.1', '::1'] : [host]
}

/** `::1` → `[::1]`: an address as it stands in a URL. */
export function urlHost(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

/** Codes of a machine that does not have this address family or address at all. */
const absent = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EPROTONOSUPPORT'])

/** How often another free port is tried when the one found for the first address is taken on the second. */
const tries = 20

/**
 * Binds every address of `host` to one port. With `localhost`, a family that the machine does not have is left out.
 * All or nothing: what was bound is closed again before it throws OB_LISTEN, whose place is `<section>.port`.
 */
export async function bindAll<T extends Bound>(
  section: string,
  host: string,
  port: number,
  bindOne: (address: string, port: number) => Promise<T>,
): Promise<readonly T[]> {
  const addresses = addressesOf(host)
  for (let attempt = 1; ; attempt++) {
    const bound: T[] = []
    let fault: unknown
    let taken = port
    for (const address of addresses) {
      try {
        const one = await bindOne(address, taken)
        bound.push(one)
        taken = one.port
      } catch (error) {
        if (addresses.length > 1 && absent.has(codeOf(error))) continue
        fault = error
        break
      }
    }
    if (fault === undefined && bound.length > 0) return bound
    await Promise.all(bound.map((one) => one.close()))
    if (port === 0 && codeOf(fault) === 'EADDRINUSE' && attempt < tries) continue
    const why = fault instanceof Error ? fault.message : 'the machine has no loopback address'
    throw new BridgeError('OB_LISTEN', `cannot listen on ${host}:${port}: ${why}`, { place: `${section}.port`, cause: fault })
  }
}
