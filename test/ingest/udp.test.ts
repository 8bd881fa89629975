import { createSocket } from 'node:dgram'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BodyTranslator, Listener } from '../../src/ingest/adapter.ts'
import { startUdp, type UdpOptions } from '../../src/ingest/udp.ts'
import { createFakeMirror } from './support/fake-mirror.ts'
import { countsOf, createFakeDeps, eventually, type FakeDeps, openBooks, sumOf, toyTranslate } from './support/fakes.ts'

let deps: FakeDeps
let listener: Listener | undefined
let seen: number[]

beforeEach(() => {
  deps = createFakeDeps()
  seen = []
})

afterEach(async () => {
  await listener?.stop(1000)
  listener = undefined
  expect(openBooks(deps.metrics)).toEqual([])
})

async function start(options: Partial<UdpOptions> = {}, translate: BodyTranslator = toyTranslate): Promise<Listener> {
  listener = await startUdp(
    {
      section: 'ingest.toy',
      format: 'toy',
      host: 'localhost',
      port: 0,
      receiveBuffer: 64 * 1024,
      backlog: 1024 * 1024,
      batch: { items: 1000, bytes: 1024 * 1024, delay: 5, hold: 1024 * 1024 },
      translate: (body, at) => {
        seen.push(body.length)
        return translate(body, at)
      },
      ...options,
    },
    deps,
  )
  return listener
}

/** Sends datagrams, each once the one before is on its way. */
async function send(address: string, ...datagrams: (string | Uint8Array)[]): Promise<void> {
  const { hostname, port } = new URL(address.replace('udp:', 'http:'))
  const host = hostname.replace(/^\[|\]$/g, '')
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  for (const datagram of datagrams) {
    await new Promise<void>((resolve, reject) =>
      socket.send(datagram, Number(port), host, (error) => (error === null ? resolve() : reject(error))),
    )
  }
  socket.close()
}

const address = (): string => listener?.addresses[0] as string

/** A translator that, at its first datagram, sends many more: nobody reads the socket meanwhile. `flood` sends that first one. */
async function flooding(datagrams: number) {
  const socket = createSocket('udp4')
  let flooded = false
  const translate: BodyTranslator = (body, at) => {
    if (!flooded) for (let n = 0; n < datagrams; n++) socket.send(Buffer.alloc(1000, 's'))
    flooded = true
    return toyTranslate(body, at)
  }
  const flood = async (): Promise<void> => {
    await new Promise<void>((resolve) => socket.connect(Number(address().split(':').at(-1)), '127.0.0.1', () => resolve()))
    socket.send('s')
  }
  return { translate, flood, close: () => socket.close() }
}

describe('startUdp with a mirror', () => {
  it('decides for each datagram by its service whether the old side gets it, also where several are put together', async () => {
    const mirror = createFakeMirror('toy')
    const asked: string[] = []
    const door = {
      ...mirror.door,
      shares(key: string) {
        asked.push(key)
        return key !== 'away' && key !== '127.0.0.1'
      },
    }
    deps = { ...deps, mirrors: () => door }
    await start({ host: '127.0.0.1' }, (body, at) => {
      const made = toyTranslate(body, at)
      const service = ['stays', 'away'][(body[1] ?? 0) - 0x73]
      return { ...made, ...(service === undefined ? {} : { services: [{ service, items: made.items }] }) }
    })
    // Two letters: `ss` is of the one service, `st` of the other, `s` of none.
    await send(address(), 'ss', 'st', 's', 'ssss')
    await eventually(() => deps.fake.batches.length > 0)
    expect(deps.fake.batches.reduce((sum, { items }) => sum + items, 0)).toBe(8)
    expect(asked.toSorted()).toEqual(['127.0.0.1', 'away', 'stays', 'stays'])
    expect(mirror.wrapped.map(({ body, items }) => [body.toString(), items])).toEqual([['ssssss', 6]])
  })
})

describe('startUdp', () => {
  it('listens on both loopback families at one port', async () => {
    const { addresses } = await start()
    expect(addresses).toHaveLength(2)
    for (const one of addresses) await send(one, 'ss')
    await eventually(() => seen.length === 2)
    await eventually(() => sumOf(deps.metrics, 'otlp_bridge_translated_items_total') === 4)
  })

  it('queues the spans of several datagrams together', async () => {
    await start({ batch: { items: 3, bytes: 1024 * 1024, delay: 10_000, hold: 1024 * 1024 } })
    await send(address(), 's', 's', 's')
    await eventually(() => deps.fake.batches.length === 1)
    expect(deps.fake.batches).toMatchObject([{ format: 'toy', signal: 'traces', items: 3, data: Uint8Array.of(7, 7, 7) }])
  })

  it('takes datagrams of 0, 1 and 65,507 bytes', async () => {
    await start({ receiveBuffer: 1024 * 1024 })
    await send(address(), new Uint8Array(0), 's', Buffer.alloc(65_507, 's'))
    await eventually(() => seen.length === 3)
    expect(seen).toEqual([0, 1, 65_507])
    expect(sumOf(deps.metrics, 'otlp_bridge_received_requests_total')).toBe(3)
    expect(sumOf(deps.metrics, 'otlp_bridge_received_bytes_total')).toBe(65_508)
  })

  it('counts datagrams it cannot read and goes on; the log has one line about them', async () => {
    await start()
    await send(address(), '!', '?', '!', 'sx')
    await eventually(() => seen.length === 4)
    await eventually(() => deps.fake.batches.length === 1)
    expect(countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')).toEqual({ decode_json: 2, internal: 1 })
    expect(countsOf(deps.metrics, 'otlp_bridge_dropped_items_total', 'reason')).toEqual({ bad_id: 1 })
    expect(deps.lines.filter((line) => line.includes('datagram was refused'))).toHaveLength(1)
  })

  it('drops and counts datagrams beyond its backlog', async () => {
    const { translate, flood, close } = await flooding(50)
    await start({ backlog: 20_000, receiveBuffer: 1024 * 1024, host: '127.0.0.1' }, translate)
    await flood()
    const refused = (): number => countsOf(deps.metrics, 'otlp_bridge_refused_requests_total', 'reason')['backlog_full'] ?? 0
    await eventually(() => seen.length + refused() === 51)
    expect(refused()).toBeGreaterThan(0)
    await eventually(() => sumOf(deps.metrics, 'otlp_bridge_translated_items_total') === (seen.length - 1) * 1000 + 1)
    close()
  })

  it('gives other work a turn while many datagrams wait', async () => {
    const slow: BodyTranslator = (body, at) => {
      const until = performance.now() + 2
      while (performance.now() < until);
      return toyTranslate(body, at)
    }
    await start({ receiveBuffer: 1024 * 1024 }, slow)
    let longest = 0
    let last = performance.now()
    const watch = setInterval(() => {
      const now = performance.now()
      longest = Math.max(longest, now - last)
      last = now
    }, 1)
    await send(address(), ...Array.from({ length: 60 }, () => 's'))
    await eventually(() => seen.length === 60)
    clearInterval(watch)
    expect(longest).toBeLessThan(60)
  })

  it('counts what the kernel dropped', async () => {
    const { translate, flood, close } = await flooding(200)
    await start({ receiveBuffer: 4096, host: '127.0.0.1' }, translate)
    await flood()
    await eventually(() => seen.length > 1)
    await listener?.stop(1000)
    listener = undefined
    close()
    const dropped = sumOf(deps.metrics, 'otlp_bridge_udp_dropped_datagrams_total')
    expect(seen.length + dropped).toBe(201)
    expect(dropped).toBeGreaterThan(0)
  })

  it('says when the kernel grants less than asked', async () => {
    await start({ receiveBuffer: 1024 * 1024 * 1024 })
    expect(deps.lines.some((line) => line.includes('net.core.rmem_max'))).toBe(true)
    expect(sumOf(deps.metrics, 'otlp_bridge_udp_receive_buffer_bytes')).toBeGreaterThan(0)
  })

  it('translates and queues what waits when it stops', async () => {
    await start({ batch: { items: 1000, bytes: 1024 * 1024, delay: 60_000, hold: 1024 * 1024 } })
    await send(address(), 's', 's')
    await eventually(() => sumOf(deps.metrics, 'otlp_bridge_received_requests_total') === 2)
    await listener?.stop(1000)
    listener = undefined
    expect(deps.fake.batches.map((batch) => batch.items)).toEqual([2])
  })
})
