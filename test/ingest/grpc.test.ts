import { gzipSync } from 'node:zlib'
import { status } from '@grpc/grpc-js'
import protobuf from 'protobufjs'
import { describe, expect, it } from 'vitest'
import { BridgeError } from '../../src/errors.ts'
import type { GrpcMethod } from '../../src/ingest/grpc-method.ts'
import { listenerAuth } from '../../src/ingest/schema.ts'
import { Flag, FrameType, Http2Code } from '../../src/net/http2-frames.ts'
import { callFields, headers, hello, message, rawFrame } from '../support/http2-frames.ts'
import { eventually, openBooks, queueFull, sumOf } from './support/fakes.ts'
import { gzipOptions } from './support/grpc-client.ts'
import { answered, callRaw, clientOf, empty, fieldsOf, health, path, rawOf, refusedOf, start } from './support/grpc-toy.ts'

describe('startGrpc', () => {
  it('takes a message, puts it, and answers with an empty one', async () => {
    const { address, deps } = await start()
    const outcome = await clientOf(address).call(path, Buffer.from('sss'))
    expect(outcome).toMatchObject({ code: status.OK, reply: Buffer.alloc(0) })
    expect(deps.fake.batches).toMatchObject([{ format: 'toy', signal: 'traces', items: 3 }])
    expect(sumOf(deps.metrics, 'otlp_bridge_received_bytes_total')).toBe(8)
    expect(openBooks(deps.metrics)).toEqual([])
  })

  it('takes messages of every size up to the limit, several at once', async () => {
    const { address, deps } = await start({ limits: { message: 1_000_000 } })
    const client = clientOf(address)
    const sizes = [0, 1, 5, 16_378, 16_379, 16_380, 65_535, 131_072, 131_073, 300_000, 1_000_000]
    const outcomes = await Promise.all(sizes.map((size) => client.call(path, Buffer.alloc(size, 's'))))
    expect(outcomes.map((one) => one.code)).toEqual(sizes.map(() => status.OK))
    expect(deps.fake.batches.map((one) => one.items).sort((a, b) => a - b)).toEqual(sizes.slice(1))
  })

  it('inflates gzip', async () => {
    const { address, deps } = await start()
    const client = clientOf(address, gzipOptions)
    expect(await client.call(path, Buffer.alloc(40_000, 's'))).toMatchObject({ code: status.OK })
    expect(deps.fake.batches).toMatchObject([{ items: 40_000 }])
    expect(sumOf(deps.metrics, 'otlp_bridge_received_bytes_total')).toBeLessThan(1000)
  })

  it('answers methods that are not bodies, and their faults', async () => {
    const methods: GrpcMethod[] = [
      { path: '/toy.Echo/Now', handle: (body, header) => Buffer.from(`${Buffer.from(body)} ${header('x-who')}`) },
      {
        path: '/toy.Echo/Later',
        handle: () => Promise.reject(new BridgeError('OB_QUEUE_BROKEN', 'cannot answer: 100 % broken – sorry', { retryAfterSeconds: 3 })),
      },
      {
        path: '/toy.Echo/Bug',
        handle: () => {
          throw new TypeError('bug')
        },
      },
    ]
    const { address } = await start({ methods })
    const client = clientOf(address)
    expect((await client.call('/toy.Echo/Now', Buffer.from('hello'), { 'x-who': 'me' })).reply?.toString()).toBe('hello me')
    const later = await client.call('/toy.Echo/Later', empty)
    expect(later).toMatchObject({ code: status.UNAVAILABLE, message: 'cannot answer: 100 % broken – sorry' })
    expect((later.trailers.get('grpc-status-details-bin')[0] as Buffer).toString()).toContain('google.rpc.RetryInfo')
    expect(await client.call('/toy.Echo/Bug', empty)).toMatchObject({ code: status.INTERNAL })
  })

  it('sends an answer larger than the window of its client', async () => {
    const { address } = await start({ methods: [{ path: '/toy.Large/Get', handle: () => Buffer.alloc(1_000_000, 7) }] })
    const { reply } = await clientOf(address).call('/toy.Large/Get', empty)
    expect(reply?.equals(Buffer.alloc(1_000_000, 7))).toBe(true)
  })

  it('listens on both loopback addresses', async () => {
    const { listener } = await start({ options: { host: 'localhost' } })
    for (const address of listener.addresses) {
      expect(address).toMatch(/^grpc:\/\/(127\.0\.0\.1|\[::1\]):\d+$/)
      expect(await clientOf(address).call(path, Buffer.from('s'))).toMatchObject({ code: status.OK })
    }
    expect(listener.addresses.length).toBeGreaterThan(0)
  })
})

describe('refusals of a call', () => {
  it.each<[string, string, string, number, string]>([
    ['a message that cannot be read', path, 's!', status.INVALID_ARGUMENT, 'decode_json'],
    ['a message without one good item', path, 'xx', status.INVALID_ARGUMENT, ''],
    ['a fault of the translator', path, '?', status.INTERNAL, 'internal'],
  ])('%s', async (_name, method, body, code, reason) => {
    const { address, deps } = await start()
    expect(await clientOf(address).call(method, Buffer.from(body))).toMatchObject({ code })
    expect(refusedOf(deps)).toEqual(reason === '' ? {} : { [reason]: 1 })
    expect(openBooks(deps.metrics)).toEqual([])
  })

  it('an unknown method, or service', async () => {
    const { address } = await start()
    for (const unknown of ['/toy.Collector/Get', '/toy.Nobody/Post', '/']) {
      expect(await clientOf(address).call(unknown, empty)).toMatchObject({
        code: status.UNIMPLEMENTED,
        message: `unknown method ${unknown}`,
      })
    }
  })

  it('a full queue: before the message is taken, with the time to come back', async () => {
    const { address, deps } = await start()
    deps.fake.refuseWith = queueFull()
    const raw = await rawOf(address)
    raw.send(hello(), headers(1, callFields(path)))
    const frames = await raw.until((frame) => frame.type === FrameType.RstStream)
    const fields = fieldsOf(frames, 1)
    expect(fields).toMatchObject({ ':status': '200', 'grpc-status': '8', 'grpc-message': 'cannot queue data: full' })
    const Duration = protobuf.Root.fromJSON({
      nested: { Retry: { fields: { delay: { type: 'Delay', id: 1 } } }, Delay: { fields: { seconds: { type: 'int64', id: 1 } } } },
    })
    const details = Buffer.from(fields['grpc-status-details-bin'] ?? '', 'base64')
    const info = details.subarray(details.indexOf('RetryInfo') + 'RetryInfo'.length + 2)
    expect(Duration.lookupType('Retry').decode(info).toJSON()).toEqual({ delay: { seconds: '7' } })
    expect(frames.find((frame) => frame.type === FrameType.RstStream)?.payload.readUInt32BE(0)).toBe(Http2Code.NoError)
    expect(refusedOf(deps)).toEqual({ queue_full: 1 })
    // What was on its way is thrown away, and the connection lives.
    raw.send(message(1, Buffer.alloc(30_000)), headers(3, callFields(`${health}/Check`)), message(3, empty))
    expect(fieldsOf(await raw.until(answered(3)), 3)).toMatchObject({ 'grpc-status': '0' })
  })

  it('a queue that fails as the data is put', async () => {
    const { address, deps } = await start()
    deps.fake.putError = new BridgeError('OB_STOPPING', 'cannot queue data: stopping')
    expect(await clientOf(address).call(path, Buffer.from('s'))).toMatchObject({ code: status.UNAVAILABLE })
    expect(openBooks(deps.metrics)).toEqual([])
  })

  it('a message over the limit, as soon as its length is known', async () => {
    const { address, deps } = await start({ limits: { message: 1000 } })
    expect(await clientOf(address).call(path, Buffer.alloc(1001, 's'))).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      message: 'cannot take message: its 1001 bytes are more than 1000 (ingest.toy.grpc.limits.message)',
    })
    const fields = await callRaw(address, headers(1, callFields(path)), rawFrame(FrameType.Data, 0, 1, '00ffffffff01'))
    expect(fields).toMatchObject({ 'grpc-status': '8', 'grpc-message': expect.stringContaining('4294967295') })
    expect(refusedOf(deps)).toEqual({ limit_body: 2 })
  })

  it('a message that grows too much', async () => {
    const { address, deps } = await start({ limits: { body: 2_000_000, ratio: 20 } })
    const client = clientOf(address, gzipOptions)
    expect(await client.call(path, Buffer.alloc(1_900_000, 's'))).toMatchObject({ code: status.RESOURCE_EXHAUSTED })
    expect(await client.call(path, Buffer.alloc(3_000_000, 's'))).toMatchObject({ code: status.RESOURCE_EXHAUSTED })
    expect(refusedOf(deps)).toEqual({ limit_ratio: 2 })
  })

  it('more bytes of unfinished messages than the limit, over all connections', async () => {
    const { address, deps } = await start({ limits: { pending: 100_000 } })
    const first = await rawOf(address)
    first.send(
      hello(),
      headers(1, callFields(path)),
      rawFrame(FrameType.Data, 0, 1, Buffer.concat([Buffer.from('000000c350', 'hex'), Buffer.alloc(16_000)])),
    )
    first.send(headers(3, callFields(`${health}/Check`)), message(3, empty))
    await first.until(answered(3))
    const second = await callRaw(
      address,
      headers(1, callFields(path)),
      rawFrame(FrameType.Data, 0, 1, Buffer.concat([Buffer.from('000000c350', 'hex'), Buffer.alloc(16_000)])),
    )
    expect(second).toMatchObject({ 'grpc-status': '8' })
    expect(refusedOf(deps)).toEqual({ limit_pending: 1 })
    first.destroy()
    await eventually(() => refusedOf(deps)['cut_off'] === 1)
    expect(await clientOf(address).call(path, Buffer.alloc(50_000, 's'))).toMatchObject({ code: status.OK })
  })

  it.each<[string, string, number, readonly (readonly [string, string])[], Record<string, string>]>([
    [
      'an unknown encoding',
      '00 00000001 73',
      1,
      [['grpc-encoding', 'zstd']],
      { 'grpc-status': '12', 'grpc-accept-encoding': 'identity,gzip' },
    ],
    ['a compressed flag without an encoding', '01 00000001 73', 1, [], { 'grpc-status': '13' }],
    ['a compressed flag with identity', '01 00000001 73', 1, [['grpc-encoding', 'identity']], { 'grpc-status': '13' }],
    ['a flag that is none', '02 00000001 73', 1, [], { 'grpc-status': '13' }],
    ['no message', '', 1, [], { 'grpc-status': '13' }],
    ['half a prefix', '00 0000', 1, [], { 'grpc-status': '13' }],
    ['half a message', '00 00000004 73', 1, [], { 'grpc-status': '13' }],
    ['two messages', '00 00000001 73 00 00000001 73', 1, [], { 'grpc-status': '13' }],
    ['gzip that is none', '01 00000003 737373', 1, [['grpc-encoding', 'gzip']], { 'grpc-status': '3' }],
    ['a deadline that is over', '00 00000001 73', 1, [['grpc-timeout', '0n']], { 'grpc-status': '4' }],
  ])('%s', async (_name, body, ends, more, want) => {
    const { address, deps } = await start()
    const fields = await callRaw(
      address,
      headers(1, callFields(path, more)),
      rawFrame(FrameType.Data, ends === 1 ? Flag.EndStream : 0, 1, body.replaceAll(' ', '')),
    )
    expect(fields).toMatchObject(want)
    expect(Object.values(refusedOf(deps))).toEqual([1])
    expect(deps.fake.batches).toEqual([])
  })

  it.each<[string, readonly (readonly [string, string])[], Record<string, string>]>([
    ['another content type', [['content-type', 'application/json']], { ':status': '415' }],
    ['gRPC-Web', [['content-type', 'application/grpc-web+proto']], { ':status': '415' }],
    ['JSON in gRPC', [['content-type', 'application/grpc+json']], { ':status': '415' }],
    ['no content type', [], { ':status': '415' }],
    [
      'GET',
      [
        [':method', 'GET'],
        ['content-type', 'application/grpc'],
      ],
      { 'grpc-status': '12' },
    ],
  ])('%s', async (_name, own, want) => {
    const { address } = await start()
    const base = callFields(path).filter(([name]) => name !== 'content-type' && !own.some(([one]) => one === name))
    const fields = own[0]?.[0] === ':method' ? [...own.slice(0, 1), ...base, ...own.slice(1)] : [...base, ...own]
    expect(await callRaw(address, headers(1, fields), message(1, Buffer.from('s')))).toMatchObject(want)
  })

  it('metadata over the limit', async () => {
    const { address } = await start({ limits: { header: 2000 } })
    const fields = await callRaw(address, headers(1, callFields(path, [['x-large', 'y'.repeat(3000)]])), message(1, Buffer.from('s')))
    expect(fields).toMatchObject({ ':status': '431', 'grpc-status': '8' })
  })

  it('takes odd but good content types', async () => {
    const { address } = await start()
    for (const type of ['application/grpc+proto', 'application/grpc;x=y', 'Application/gRPC']) {
      const fields = callFields(path).map(([name, value]) => [name, name === 'content-type' ? type : value] as const)
      expect(await callRaw(address, headers(1, fields), message(1, Buffer.from('s')))).toMatchObject({ 'grpc-status': '0' })
    }
  })

  it('a sender without credentials; health needs none', async () => {
    const { address, deps } = await start({ options: { auth: listenerAuth.parse({ bearer: ['secret'] }) } })
    const client = clientOf(address)
    expect(await client.call(path, Buffer.from('s'))).toMatchObject({ code: status.UNAUTHENTICATED })
    expect(await client.call(path, Buffer.from('s'), { authorization: 'Bearer wrong' })).toMatchObject({ code: status.UNAUTHENTICATED })
    expect(await client.call(path, Buffer.from('s'), { authorization: 'Bearer secret' })).toMatchObject({ code: status.OK })
    expect(await client.call(`${health}/Check`, empty)).toMatchObject({ code: status.OK })
    expect(refusedOf(deps)).toEqual({ auth: 2 })
  })
})

describe('grpc.health.v1.Health', () => {
  const service = (name: string): Buffer => Buffer.concat([Uint8Array.of(0x0a, name.length), Buffer.from(name)])

  it('says whether the bridge is well', async () => {
    const { address, trouble } = await start()
    const client = clientOf(address)
    for (const name of ['', 'toy.Collector', 'grpc.health.v1.Health']) {
      expect((await client.call(`${health}/Check`, service(name))).reply?.toString('hex')).toBe('0801')
    }
    trouble.now = 'the disk is full'
    expect((await client.call(`${health}/Check`, empty)).reply?.toString('hex')).toBe('0802')
    expect(await client.call(`${health}/Check`, service('toy.Other'))).toMatchObject({ code: status.NOT_FOUND })
    expect(await client.call(`${health}/Check`, Buffer.from('ff', 'hex'))).toMatchObject({ code: status.INVALID_ARGUMENT })
  })

  it('tells watchers of every change', async () => {
    const { address, trouble, listener } = await start({ timeouts: { header: 80 } })
    const client = clientOf(address)
    const [watch, unknown] = [client.watch(`${health}/Watch`, empty), client.watch(`${health}/Watch`, service('toy.Other'))]
    await eventually(() => watch.replies.length === 1 && unknown.replies.length === 1)
    trouble.now = 'the disk is full'
    await eventually(() => watch.replies.length === 2)
    trouble.now = undefined
    await eventually(() => watch.replies.length === 3)
    expect(watch.replies).toEqual(['0801', '0802', '0801'])
    expect(unknown.replies).toEqual(['0803'])
    unknown.cancel()
    expect(await unknown.code).toBe(status.CANCELLED)
    await listener.stop(50)
    expect(await watch.code).toBe(status.UNAVAILABLE)
  })
})

describe('gzip of a raw call', () => {
  it('is taken under its flag alone', async () => {
    const { address, deps } = await start()
    const fields = callFields(path, [['grpc-encoding', 'gzip']])
    expect(await callRaw(address, headers(1, fields), message(1, gzipSync('sss'), 1))).toMatchObject({ 'grpc-status': '0' })
    expect(await callRaw(address, headers(1, fields), message(1, Buffer.from('ss')))).toMatchObject({ 'grpc-status': '0' })
    expect(deps.fake.batches.map((one) => one.items)).toEqual([3, 2])
  })
})
