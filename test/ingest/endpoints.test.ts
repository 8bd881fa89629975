import { beforeEach, describe, expect, it } from 'vitest'
import { BridgeError } from '../../src/errors.ts'
import { createEndpoints, type Place, type PlannedEndpoint } from '../../src/ingest/endpoints.ts'

/** A machine with ports; what happened on it, in order. */
let events: string[]
let taken: Map<string, string>
let broken: Set<string>

beforeEach(() => {
  events = []
  taken = new Map()
  broken = new Set()
})

interface Wish {
  readonly port?: number
  readonly settings?: string
  readonly host?: string
  /** False: two may have the port at once. */
  readonly alone?: boolean
  /** Its port is not free at once when it stops. */
  readonly lingers?: boolean
  readonly transport?: Place['transport']
}

let free = 50_000

const planned = (
  name: string,
  { port = 1, settings = 'a', host = 'here', alone = false, lingers = false, transport = 'tcp' }: Wish = {},
): PlannedEndpoint => ({
  name,
  place: { transport, host, port },
  settings: { text: settings },
  async start() {
    const actual = port === 0 ? free++ : port
    if (broken.has(name) || (alone && taken.has(String(actual)))) throw new BridgeError('OB_LISTEN', `cannot listen on ${host}:${actual}`)
    taken.set(String(actual), name)
    events.push(`start ${name} ${settings} ${actual}`)
    return {
      addresses: [`http://${host}:${actual}`],
      async stop() {
        events.push(`stop ${name} ${settings} ${actual}`)
        if (!lingers) taken.delete(String(actual))
      },
    }
  },
})

const create = (over: Partial<Parameters<typeof createEndpoints>[0]> = {}) =>
  createEndpoints({ reusePort: true, drainMs: 10, sleep: async () => {}, ...over })

const addresses = (endpoints: ReturnType<typeof create>) => endpoints.list().map(({ name, listener }) => `${name} ${listener.addresses[0]}`)

describe('createEndpoints', () => {
  it('starts what is planned, in order, and stops it', async () => {
    const endpoints = create()
    const changes = await endpoints.change([planned('a', { port: 1 }), planned('b', { port: 2 })])
    expect(changes).toEqual({ kept: [], started: ['a', 'b'], restarted: [], stopped: [] })
    await endpoints.stop(0)
    expect(events).toEqual(['start a a 1', 'start b a 2', 'stop a a 1', 'stop b a 2'])
  })

  it('leaves alone what did not change', async () => {
    const endpoints = create()
    await endpoints.change([planned('a', { port: 1 }), planned('b', { port: 2 })])
    const [before] = endpoints.list()
    const changes = await endpoints.change([planned('a', { port: 1 }), planned('b', { port: 2, settings: 'new' })])
    expect(changes).toEqual({ kept: ['a'], started: [], restarted: ['b'], stopped: [] })
    expect(endpoints.list()[0]?.listener).toBe(before?.listener)
  })

  it('lets the new one listen before the old one stops, where ports can be shared', async () => {
    const endpoints = create()
    await endpoints.change([planned('a')])
    await endpoints.change([planned('a', { settings: 'new' })])
    expect(events).toEqual(['start a a 1', 'start a new 1', 'stop a a 1'])
  })

  it('stops the old one first where ports cannot be shared, and waits until the port is free', async () => {
    let waits = 0
    const sleep = async (): Promise<void> => {
      if (++waits === 3) taken.clear()
    }
    const endpoints = create({ reusePort: false, sleep })
    await endpoints.change([planned('a', { alone: true, lingers: true })])
    expect(await endpoints.change([planned('a', { alone: true, settings: 'new' })])).toMatchObject({ restarted: ['a'] })
    expect(events).toEqual(['start a a 1', 'stop a a 1', 'start a new 1'])
    expect(waits).toBe(3)
  })

  it('stops what is no longer planned only after the new ones run', async () => {
    const endpoints = create()
    await endpoints.change([planned('a', { port: 1 })])
    expect(await endpoints.change([planned('b', { port: 2 })])).toEqual({ kept: [], started: ['b'], restarted: [], stopped: ['a'] })
    expect(events).toEqual(['start a a 1', 'start b a 2', 'stop a a 1'])
  })

  it('frees a port that another endpoint is to have before that one starts', async () => {
    const endpoints = create()
    await endpoints.change([planned('a', { port: 1 }), planned('b', { port: 2 })])
    events = []
    await endpoints.change([planned('a', { port: 2 }), planned('b', { port: 1 })])
    expect(events).toEqual(['stop b a 2', 'start a a 2', 'stop a a 1', 'start b a 1'])
  })

  it('refuses two endpoints on one port, which the system would let pass', async () => {
    const endpoints = create()
    const failed = endpoints.change([planned('a', { port: 1 }), planned('b', { port: 1 })])
    await expect(failed).rejects.toMatchObject({ code: 'OB_LISTEN', place: 'ingest.b.port', message: expect.stringContaining('ingest.a') })
    expect(events).toEqual(['start a a 1', 'stop a a 1'])
    expect(endpoints.list()).toEqual([])
  })

  it('lets TCP and UDP have the same number', async () => {
    const endpoints = create()
    await endpoints.change([planned('a', { port: 1 }), planned('b', { port: 1, transport: 'udp' })])
    expect(endpoints.list()).toHaveLength(2)
  })

  it('claims places that are new, and none that it has', async () => {
    const claimed: string[] = []
    const endpoints = create({ claim: async (name, { port }) => void claimed.push(`${name} ${port}`) })
    await endpoints.change([planned('a', { port: 1 })])
    await endpoints.change([planned('a', { port: 1, settings: 'new' }), planned('b', { port: 2 })])
    expect(claimed).toEqual(['a 1', 'b 2'])
  })

  it('is content with the port it has when any will do', async () => {
    const endpoints = create()
    await endpoints.change([planned('a', { port: 0 })])
    const before = addresses(endpoints)
    expect(await endpoints.change([planned('a', { port: 0 })])).toMatchObject({ kept: ['a'] })
    expect(addresses(endpoints)).toEqual(before)
  })

  it('puts everything back when one cannot be started', async () => {
    const endpoints = create()
    await endpoints.change([planned('a', { port: 1 }), planned('b', { port: 2 }), planned('c', { port: 3 })])
    const before = addresses(endpoints)
    broken.add('bad')
    const failed = endpoints.change([planned('a', { port: 1, settings: 'new' }), planned('c', { port: 2 }), planned('bad', { port: 4 })])
    await expect(failed).rejects.toMatchObject({ code: 'OB_LISTEN', message: 'cannot listen on here:4' })
    expect(addresses(endpoints)).toEqual(before)
    expect(await endpoints.change([planned('a', { port: 1 }), planned('b', { port: 2 }), planned('c', { port: 3 })])).toMatchObject({
      kept: ['a', 'b', 'c'],
    })
  })

  it('says what it could not put back, and starts it with the next change', async () => {
    const endpoints = create()
    await endpoints.change([planned('a', { port: 1 }), planned('b', { port: 2 })])
    broken.add('bad')
    broken.add('b')
    const failed = endpoints.change([planned('a', { port: 2 }), planned('bad', { port: 4 })])
    await expect(failed).rejects.toMatchObject({ message: expect.stringMatching(/bad|here:4.*not be started again: b/) })
    expect(endpoints.list().map(({ name }) => name)).toEqual(['a'])
    broken.clear()
    expect(await endpoints.change([planned('a', { port: 1 }), planned('b', { port: 2 })])).toMatchObject({ kept: ['a'], started: ['b'] })
  })

  it('lets a socket be handed over where ports cannot be shared, and back when the change fails', async () => {
    const giving = (name: string, settings: string): PlannedEndpoint => ({
      ...planned(name, { settings }),
      async start(before) {
        events.push(`start ${settings} after ${before?.addresses[0] ?? 'nobody'}`)
        return { addresses: [`http://${settings}:1`], stop: async () => void events.push(`stop ${settings}`), handOver: () => undefined }
      },
    })
    const endpoints = create({ reusePort: false })
    await endpoints.change([giving('a', 'old')])
    await endpoints.change([giving('a', 'new')])
    expect(events).toEqual(['start old after nobody', 'start new after http://old:1', 'stop old'])
    events = []
    broken.add('bad')
    await expect(endpoints.change([giving('a', 'newer'), planned('bad', { port: 2 })])).rejects.toMatchObject({ code: 'OB_LISTEN' })
    expect(events).toEqual(['start newer after http://new:1', 'start new after http://newer:1', 'stop new', 'stop newer'])
    expect(addresses(endpoints)).toEqual(['a http://new:1'])
  })

  it('ends a consumer before its successor begins', async () => {
    const consumer = (settings: string): PlannedEndpoint => ({ ...planned('k', { settings, port: 9 }), place: undefined })
    const endpoints = create()
    await endpoints.change([consumer('a')])
    await endpoints.change([consumer('new')])
    expect(events).toEqual(['start k a 9', 'stop k a 9', 'start k new 9'])
  })
})
