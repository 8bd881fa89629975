import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { FrameType, Http2Code } from '../../src/net/http2-frames.ts'
import { callFields, headers, hello, message, rawFrame } from '../support/http2-frames.ts'
import { eventually, openBooks, openRaw, sumOf } from './support/fakes.ts'
import type { RawHttp2 } from './support/grpc-client.ts'
import { answered, clientOf, closedOf, closers, empty, fieldsOf, path, rawOf, refusedOf, start } from './support/grpc-toy.ts'

describe('connections', () => {
  it('tells a client of HTTP/1 what this port speaks', async () => {
    const { address, deps } = await start()
    const raw = await openRaw(address)
    raw.send('POST /api/traces HTTP/1.1\r\nHost: x\r\n\r\n')
    expect(await raw.closed()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n.*This port speaks gRPC/s)
    expect(closedOf(deps)).toEqual({ not_http2: 1 })
  })

  it('closes a connection that begins with TLS', async () => {
    const { address, deps } = await start()
    const raw = await openRaw(address)
    raw.send(Buffer.from('16030102000100', 'hex'))
    expect(await raw.closed()).toBe('')
    expect(closedOf(deps)).toEqual({ not_plain: 1 })
    expect(deps.lines).toContain('a client speaks TLS to a gRPC port that has none')
  })

  it('closes connections beyond the limit', async () => {
    const { address, deps } = await start({ limits: { connections: 1 } })
    const client = clientOf(address)
    await client.call(path, Buffer.from('s'))
    const raw = await openRaw(address)
    await raw.closed()
    expect(closedOf(deps)).toEqual({ max_connections: 1 })
    expect(await client.call(path, Buffer.from('s'))).toMatchObject({ code: status.OK })
  })

  it('refuses calls beyond the limit, and honest clients wait', async () => {
    const { address, deps } = await start({ limits: { streams: 2 } })
    let open = (): void => {}
    deps.fake.gate = new Promise((resolve) => {
      open = resolve
    })
    const client = clientOf(address)
    const calls = Array.from({ length: 6 }, () => client.call(path, Buffer.from('s')))
    await eventually(() => sumOf(deps.metrics, 'otlp_bridge_received_requests_total') === 2)
    open()
    expect((await Promise.all(calls)).map((one) => one.code)).toEqual(Array.from({ length: 6 }, () => status.OK))
  })

  it.each<[string, object, (raw: RawHttp2) => void, string]>([
    ['says nothing', { header: 80 }, () => {}, 'header_timeout'],
    ['stops within its greeting', { header: 80 }, (raw) => raw.send(hello().subarray(0, 20)), 'header_timeout'],
    ['stops within its metadata', { header: 80 }, (raw) => raw.send(hello(), headers(1, callFields(path), 0)), 'header_timeout'],
    ['does not answer a ping', { ping: 50, pong: 50, request: 80 }, (raw) => raw.send(hello()), 'ping_timeout'],
  ])('ends one that %s', async (_name, timeouts, act, reason) => {
    const { address, deps } = await start({ timeouts })
    const raw = await rawOf(address)
    act(raw)
    await raw.closed()
    expect(closedOf(deps)).toEqual({ [reason]: 1 })
  })

  it('refuses a message that takes too long, and keeps the connection', async () => {
    const { address, deps } = await start({ timeouts: { request: 80 } })
    const raw = await rawOf(address)
    raw.send(hello(), headers(1, callFields(path)), rawFrame(FrameType.Data, 0, 1, '00000000ff73'))
    expect(fieldsOf(await raw.until(answered(1)), 1)).toMatchObject({ 'grpc-status': '14' })
    expect(refusedOf(deps)).toEqual({ cut_off: 1 })
    raw.send(headers(3, callFields(path)), message(3, Buffer.from('s')))
    expect(fieldsOf(await raw.until(answered(3)), 3)).toMatchObject({ 'grpc-status': '0' })
  })

  it('ends idle and old ones in peace', async () => {
    const idle = await start({ timeouts: { idle: 50, header: 80 } })
    const raw = await rawOf(idle.address)
    raw.send(hello())
    await raw.closed()
    expect(
      raw
        .frames()
        .find((frame) => frame.type === FrameType.GoAway)
        ?.payload.readUInt32BE(4),
    ).toBe(Http2Code.NoError)
    const old = await start({ timeouts: { age: 50, header: 80 } })
    const client = clientOf(old.address)
    for (let i = 0; i < 10; i++) {
      expect(await client.call(path, Buffer.from('s'))).toMatchObject({ code: status.OK })
      await delay(20)
    }
    expect([closedOf(idle.deps), closedOf(old.deps)]).toEqual([{}, {}])
  })

  it('counts a message whose sender goes away', async () => {
    const { address, deps } = await start()
    const raw = await rawOf(address)
    raw.send(hello(), headers(1, callFields(path)), rawFrame(FrameType.Data, 0, 1, '00000000ff73'))
    raw.send(headers(3, callFields(path)), message(3, Buffer.from('s')))
    await raw.until(answered(3))
    raw.send(rawFrame(FrameType.RstStream, 0, 1, '00000008'))
    await eventually(() => refusedOf(deps)['cut_off'] === 1)
    expect(sumOf(deps.metrics, 'otlp_bridge_received_requests_total')).toBe(2)
  })

  it('ends one that floods it, and serves the others', async () => {
    const { address, deps } = await start()
    const raw = await rawOf(address)
    raw.send(
      hello(),
      ...Array.from({ length: 1000 }, (_, i) =>
        Buffer.concat([headers(2 * i + 1, callFields(path)), rawFrame(FrameType.RstStream, 0, 2 * i + 1, '00000008')]),
      ),
    )
    await raw.closed()
    expect(
      raw
        .frames()
        .find((frame) => frame.type === FrameType.GoAway)
        ?.payload.readUInt32BE(4),
    ).toBe(Http2Code.EnhanceYourCalm)
    expect(closedOf(deps)).toEqual({ flood: 1 })
    expect(await clientOf(address).call(path, Buffer.from('s'))).toMatchObject({ code: status.OK })
  })

  it('drops a client that never reads', async () => {
    const { address, deps } = await start({ methods: [{ path: '/toy.Large/Get', handle: () => Buffer.alloc(8_000_000) }] })
    const { hostname, port } = new URL(address)
    const socket = connect(Number(port), hostname)
    closers.push(() => socket.destroy())
    socket.pause()
    socket.on('error', () => {})
    const wide = rawFrame(FrameType.WindowUpdate, 0, 0, '7f000000')
    socket.write(Buffer.concat([hello([[4, 0x7f000000]]), wide, headers(1, callFields('/toy.Large/Get')), message(1, empty)]))
    await eventually(() => closedOf(deps)['slow_reader'] === 1)
  })
})

describe('stopping', () => {
  it('answers what is under way, tells clients to go elsewhere, takes nothing new', async () => {
    const { address, deps, listener } = await start()
    let open = (): void => {}
    deps.fake.gate = new Promise((resolve) => {
      open = resolve
    })
    const client = clientOf(address)
    const call = client.call(path, Buffer.from('s'))
    const raw = await rawOf(address)
    raw.send(hello())
    await eventually(() => sumOf(deps.metrics, 'otlp_bridge_received_requests_total') === 1)
    const stopped = listener.stop(5000)
    await raw.until((frame) => frame.type === FrameType.GoAway)
    open()
    expect(await call).toMatchObject({ code: status.OK })
    raw.destroy()
    await stopped
    expect(await clientOf(address).call(path, Buffer.from('s'))).toMatchObject({ code: status.UNAVAILABLE })
    expect(openBooks(deps.metrics)).toEqual([])
  })

  it('closes what is left after the time given', async () => {
    const { address, deps, listener } = await start()
    deps.fake.gate = new Promise(() => {})
    const call = clientOf(address).call(path, Buffer.from('s'))
    await eventually(() => sumOf(deps.metrics, 'otlp_bridge_received_requests_total') === 1)
    await listener.stop(30)
    expect(await call).toMatchObject({ code: status.UNAVAILABLE })
  })
})
