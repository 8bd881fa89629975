import { Client, credentials, status } from '@grpc/grpc-js'
import protobuf from 'protobufjs'
import descriptorExtension from 'protobufjs/ext/descriptor.js'
import { afterEach, describe, expect, it } from 'vitest'
import { describeFile, healthFile, type ProtoFile } from '../../src/ingest/grpc-descriptors.ts'
import { lengthField } from '../../src/ingest/grpc-proto.ts'
import { collectorFiles } from '../../src/ingest/jaeger/api-v2.ts'
import { startJaegerGrpc } from '../../src/ingest/jaeger/collector-grpc.ts'
import { jaegerConfig } from '../../src/ingest/jaeger/config.ts'
import { zipkinFiles } from '../../src/ingest/zipkin/proto3.ts'
import { createFakeDeps, quietPages, toyTranslate } from './support/fakes.ts'
import { targetOf } from './support/grpc-client.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** As protobufjs understands serialized descriptors; that part of it has no types of its own. */
const { FileDescriptorSet } = descriptorExtension as unknown as { FileDescriptorSet: protobuf.Type }
const rootOf = (files: readonly Uint8Array[]): protobuf.Root =>
  (protobuf.Root as unknown as { fromDescriptor(set: protobuf.Message): protobuf.Root }).fromDescriptor(
    FileDescriptorSet.decode(Buffer.concat(files.map((file) => lengthField(1, file)))),
  )

const answers = protobuf.Root.fromJSON({
  nested: {
    Answer: {
      fields: {
        original: { type: 'bytes', id: 2 },
        files: { type: 'Files', id: 4 },
        list: { type: 'List', id: 6 },
        error: { type: 'Fault', id: 7 },
      },
    },
    Files: { fields: { file: { type: 'bytes', id: 1, rule: 'repeated' } } },
    List: { fields: { service: { type: 'Service', id: 1, rule: 'repeated' } } },
    Service: { fields: { name: { type: 'string', id: 1 } } },
    Fault: { fields: { code: { type: 'int32', id: 1 }, message: { type: 'string', id: 2 } } },
  },
}).lookupType('Answer')

interface Answer {
  readonly files?: { readonly file: readonly Buffer[] }
  readonly list?: { readonly service: readonly { readonly name: string }[] }
  readonly error?: { readonly code: number }
}

/** Asks one thing after the other on one call. */
async function ask(address: string, version: string, ...questions: readonly (readonly [id: number, text: string])[]): Promise<Answer[]> {
  const same = (bytes: Buffer): Buffer => bytes
  const client = new Client(targetOf(address), credentials.createInsecure())
  closers.push(() => client.close())
  const call = client.makeBidiStreamRequest(`/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`, same, same)
  const all: Answer[] = []
  call.on('data', (bytes: Buffer) => void all.push(answers.toObject(answers.decode(bytes)) as Answer))
  for (const [id, text] of questions) call.write(Buffer.from(lengthField(id, text)))
  call.end()
  const code = await new Promise<number>((resolve) => {
    call.on('status', (one) => resolve(one.code))
    call.on('error', () => {})
  })
  if (code !== 0) throw new Error(`status ${code}`)
  return all
}

const start = async (reflection: boolean): Promise<string> => {
  const config = jaegerConfig.parse({ grpc: { host: '127.0.0.1', port: 0, reflection } }).grpc
  if (config === undefined) throw new Error('no config')
  const sampling = { path: '/jaeger.api_v2.SamplingManager/GetSamplingStrategy', handle: () => new Uint8Array(0) }
  const listener = await startJaegerGrpc(config, { postSpans: toyTranslate, sampling }, quietPages, createFakeDeps())
  closers.push(() => listener.stop(0))
  return listener.addresses[0] ?? ''
}

describe('grpc.reflection', () => {
  it.each(['v1', 'v1alpha'])('%s lists services and gives their files', async (version) => {
    const [list, symbol, method, name, unknown, extension] = await ask(
      await start(true),
      version,
      [7, ''],
      [4, 'jaeger.api_v2.CollectorService'],
      [4, 'jaeger.api_v2.SamplingManager.GetSamplingStrategy'],
      [3, 'grpc/health/v1/health.proto'],
      [4, 'jaeger.api_v2.Nothing'],
      [6, 'x'],
    )
    expect(list?.list?.service.map((one) => one.name)).toEqual([
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
      'jaeger.api_v2.CollectorService',
      'jaeger.api_v2.SamplingManager',
    ])
    const root = rootOf(symbol?.files?.file ?? [])
    expect(root.lookupService('jaeger.api_v2.CollectorService').methods['PostSpans']).toMatchObject({
      requestType: '.jaeger.api_v2.PostSpansRequest',
    })
    expect(method?.files?.file.length).toBe(1)
    expect(name?.files?.file.length).toBe(1)
    expect([unknown?.error?.code, extension?.error?.code]).toEqual([status.NOT_FOUND, status.UNIMPLEMENTED])
  })

  it('is off unless it is asked for', async () => {
    await expect(ask(await start(false), 'v1', [7, ''])).rejects.toThrow(`status ${status.UNIMPLEMENTED}`)
  })
})

describe('describeFile', () => {
  const filesOf = (files: readonly ProtoFile[]): protobuf.Root => rootOf(files.map((one) => describeFile(one).file))

  it('describes messages as the wire has them', () => {
    const root = filesOf(collectorFiles)
    const span = root.lookupType('jaeger.api_v2.Span')
    const bytes = span
      .encode(span.fromObject({ operationName: 'get', startTime: { seconds: 5 }, tags: [{ key: 'a', vType: 'INT64', vInt64: 7 }] }))
      .finish()
    expect(Buffer.from(bytes).toString('hex')).toBe('1a036765743202080542070a016110022807')
    expect(() => root.resolveAll()).not.toThrow()
  })

  it('describes maps', () => {
    const span = filesOf(zipkinFiles).resolveAll().root.lookupType('zipkin.proto3.Span')
    const bytes = span.encode(span.fromObject({ tags: { a: 'b' } })).finish()
    expect(Buffer.from(bytes).toString('hex')).toBe('5a060a0161120162')
  })

  it('describes streams', () => {
    const service = filesOf([healthFile]).lookupService('grpc.health.v1.Health')
    expect(service.methods['Watch']).toMatchObject({ responseStream: true })
  })
})
