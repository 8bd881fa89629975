import { Client, credentials } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../../src/ingest/adapter.ts'
import type { SamplingLookup } from '../../../src/ingest/format.ts'
import { jaegerConfig, jaegerEndpoints } from '../../../src/ingest/jaeger/config.ts'
import { samplingMethod, startJaegerSampling, startJaegerSamplingGrpc } from '../../../src/ingest/jaeger/sampling.ts'
import { createFakeDeps, quietPages } from '../support/fakes.ts'

let listener: Listener | undefined
const asked: string[] = []

const lookup: SamplingLookup = async (service) => {
  asked.push(service)
  if (service === 'broken') throw new Error('no answer')
  return { json: '{"strategyType":"PROBABILISTIC"}', legacyJson: '{"strategyType":0}', proto: Buffer.from(service) }
}

beforeEach(() => {
  asked.length = 0
})

afterEach(async () => {
  await listener?.stop(0)
})

async function start(): Promise<string> {
  const { sampling } = jaegerEndpoints(jaegerConfig.parse({ sampling: { host: '127.0.0.1', port: 0 } }))
  if (sampling === undefined) throw new Error('the endpoint is off')
  listener = await startJaegerSampling(sampling, lookup, createFakeDeps())
  return listener.addresses[0] as string
}

const get = async (path: string, method = 'GET') => {
  const answer = await fetch(`${await start()}${path}`, { method })
  return [answer.status, answer.headers.get('content-type'), await answer.text()]
}

describe('startJaegerSampling', () => {
  it('J-M2, J-M3: answers a service with text enums', async () => {
    expect(await get('/sampling?service=check%20out')).toEqual([200, 'application/json', '{"strategyType":"PROBABILISTIC"}'])
    expect(asked).toEqual(['check out'])
  })

  it('J-M4: answers the old path with numbers', async () => {
    expect(await get('/?service=x')).toEqual([200, 'application/json', '{"strategyType":0}'])
  })

  it.each(['/sampling', '/sampling?service=a&service=b', '/?x=1', '/baggageRestrictions'])('J-M1: refuses %s', async (path) => {
    expect(await get(path)).toEqual([400, 'text/plain; charset=utf-8', "'service' parameter must be provided once\n"])
    expect(asked).toEqual([])
  })

  it('takes an empty name as a service, as Jaeger does', async () => {
    expect((await get('/sampling?service='))[0]).toBe(200)
    expect(asked).toEqual([''])
  })

  it('J-M5: restricts no baggage', async () => {
    expect(await get('/baggageRestrictions?service=x')).toEqual([200, 'application/json', '[]'])
  })

  it('says why there is no strategy', async () => {
    expect(await get('/sampling?service=broken')).toEqual([500, 'text/plain; charset=utf-8', 'collector error: no answer\n'])
  })

  it.each([
    ['POST', '/sampling?service=x', 405],
    ['GET', '/other', 404],
  ])('%s %s is a %i', async (method, path, status) => {
    expect((await get(path, method))[0]).toBe(status)
  })
})

describe('samplingMethod', () => {
  const { handle } = samplingMethod(lookup)
  const none = (): undefined => undefined

  it('reads the service and gives the answer as it is', async () => {
    expect(await handle(Buffer.from([0x12, 0, 0x0a, 3, 0x61, 0x62, 0x63]), none)).toEqual(Buffer.from('abc'))
    await handle(new Uint8Array(), none)
    expect(asked).toEqual(['abc', ''])
  })

  it('says when there is none', async () => {
    await expect(handle(Buffer.from([0x0a, 6, ...Buffer.from('broken')]), none)).rejects.toMatchObject({ code: 'OB_SAMPLING' })
  })

  it('refuses a message that is cut off', async () => {
    await expect(async () => handle(Buffer.from([0x0a, 9, 0x61]), none)).rejects.toMatchObject({ code: 'OB_DECODE_PROTO' })
  })
})

describe('startJaegerSamplingGrpc', () => {
  it('J-R2: answers a gRPC client', async () => {
    const { samplingGrpc } = jaegerEndpoints(jaegerConfig.parse({ samplingGrpc: { host: '127.0.0.1', port: 0 } }))
    if (samplingGrpc === undefined) throw new Error('the endpoint is off')
    listener = await startJaegerSamplingGrpc(samplingGrpc, lookup, quietPages, createFakeDeps())
    const client = new Client((listener.addresses[0] as string).replace(/^\w+:\/\//, ''), credentials.createInsecure())
    const same = (bytes: Buffer): Buffer => bytes
    const ask = (service: string): Promise<string> =>
      new Promise((resolve) =>
        client.makeUnaryRequest(
          '/jaeger.api_v2.SamplingManager/GetSamplingStrategy',
          same,
          same,
          Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)]),
          (error, bytes) => resolve(error?.message ?? String(bytes)),
        ),
      )
    try {
      expect([await ask('abc'), await ask('broken')]).toEqual(['abc', '14 UNAVAILABLE: cannot give a sampling strategy: no answer'])
    } finally {
      client.close()
    }
  })
})
