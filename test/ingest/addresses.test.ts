import { describe, expect, it } from 'vitest'
import { bindAll, urlHost } from '../../src/ingest/addresses.ts'

const failing = (code: string): Error => Object.assign(new Error(`listen ${code}`), { code })

/** A machine whose ports are taken, or whose addresses are absent, as said; remembers what was closed. */
function machine(rules: { taken?: readonly string[]; absent?: readonly string[]; free?: number[] }) {
  const closed: string[] = []
  const bind = async (address: string, port: number) => {
    if (rules.absent?.includes(address)) throw failing('EADDRNOTAVAIL')
    const own = port === 0 ? (rules.free?.shift() ?? 1000) : port
    if (rules.taken?.includes(`${address}:${own}`)) throw failing('EADDRINUSE')
    return { address, port: own, close: async () => void closed.push(`${address}:${own}`) }
  }
  return { bind, closed }
}

const names = (bound: readonly { address: string; port: number }[]): string[] => bound.map((one) => `${one.address}:${one.port}`)

describe('bindAll', () => {
  it('binds localhost on both families', async () => {
    expect(names(await bindAll('s', 'localhost', 9411, machine({}).bind))).toEqual(['127.0.0.1:9411', '::1:9411'])
  })

  it('leaves out a family the machine does not have', async () => {
    expect(names(await bindAll('s', 'localhost', 9411, machine({ absent: ['::1'] }).bind))).toEqual(['127.0.0.1:9411'])
  })

  it('finds one port that is free on both', async () => {
    const { bind, closed } = machine({ free: [1, 2], taken: ['::1:1'] })
    expect(names(await bindAll('s', 'localhost', 0, bind))).toEqual(['127.0.0.1:2', '::1:2'])
    expect(closed).toEqual(['127.0.0.1:1'])
  })

  it('takes another host as it is', async () => {
    expect(names(await bindAll('s', '0.0.0.0', 1, machine({}).bind))).toEqual(['0.0.0.0:1'])
  })

  it('fails when the port is taken on one of them, and closes the other', async () => {
    const { bind, closed } = machine({ taken: ['::1:9411'] })
    await expect(bindAll('ingest.zipkin', 'localhost', 9411, bind)).rejects.toMatchObject({
      code: 'OB_LISTEN',
      place: 'ingest.zipkin.port',
    })
    expect(closed).toEqual(['127.0.0.1:9411'])
  })

  it('fails when the only address is absent', async () => {
    await expect(bindAll('s', '10.9.9.9', 1, machine({ absent: ['10.9.9.9'] }).bind)).rejects.toMatchObject({ code: 'OB_LISTEN' })
  })
})

describe('urlHost', () => {
  it('puts brackets around IPv6', () => {
    expect([urlHost('::1'), urlHost('127.0.0.1')]).toEqual(['[::1]', '127.0.0.1'])
  })
})
