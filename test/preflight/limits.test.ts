import { describe, expect, it } from 'vitest'
import { checkDescriptors, checkQueueHoldsBodies, checkReceiveBuffers } from '../../src/preflight/limits.ts'
import { plannedOf, subjectOf, told, worldOf } from './support/subject.ts'

const endpoints = [
  plannedOf('zipkin', undefined, { limits: { connections: 4096 } }),
  plannedOf('jaeger.compact', undefined, { receiveBuffer: 4 * 2 ** 20 }),
  plannedOf('kafka', undefined),
]
const subject = subjectOf({}, { endpoints })

const reading = (files: Readonly<Record<string, string>>) => worldOf({ readText: async (file) => files[file] })
const limits = (soft: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units\nMax open files            ${soft}                1048576              files\n`

describe('checkDescriptors', () => {
  it.each([
    ['1024', 'warn'],
    ['4196', 'ok'],
    ['unlimited', 'ok'],
  ])('compares %s descriptors with the connections that may come: %s', async (soft, level) => {
    const [found] = await checkDescriptors(subject, reading({ '/proc/self/limits': limits(soft) }))
    expect(found).toMatchObject({ level, seen: `${soft} may be open, 4196 are needed when every listener is at limits.connections` })
    expect(found?.knob?.includes('LimitNOFILE=4196') ?? false).toBe(level === 'warn')
  })

  it('says nothing where the machine does not tell', async () => {
    expect(await checkDescriptors(subject, worldOf())).toEqual([])
    expect(await checkReceiveBuffers(subject, worldOf())).toEqual([])
  })
})

describe('checkReceiveBuffers', () => {
  it('warns of datagram ports whose buffer the kernel cuts, with the command', async () => {
    const findings = await checkReceiveBuffers(subject, reading({ '/proc/sys/net/core/rmem_max': '212992\n' }))
    expect(told(findings)).toEqual([
      'warn ingest.jaeger.compact, receive buffer: the kernel grants 208KiB, 4MiB are wanted: in a burst, datagrams are lost sooner',
    ])
    expect(findings[0]?.knob).toContain('sysctl -w net.core.rmem_max=4194304')
  })

  it('is content with enough', async () => {
    expect(await checkReceiveBuffers(subject, reading({ '/proc/sys/net/core/rmem_max': '4194304' }))).toMatchObject([{ level: 'ok' }])
  })
})

describe('checkQueueHoldsBodies', () => {
  it('warns of endpoints that take more in a request than the queue holds', async () => {
    const elasticsearch = plannedOf('elasticsearch', undefined, { limits: { body: 100 * 2 ** 20 } })
    const zipkin = plannedOf('zipkin', undefined, { limits: { body: 2 ** 20 } })
    const found = (maxSize: string) =>
      checkQueueHoldsBodies(subjectOf({ queue: { type: 'memory', maxSize } }, { endpoints: [elasticsearch, zipkin] }), worldOf())
    expect(told(await found('2MiB'))).toEqual([
      'warn ingest.elasticsearch, largest request: requests of up to 100MiB are taken, the queue holds 2MiB: one that is larger is refused for ever',
    ])
    expect(await found('100MiB')).toEqual([])
  })
})
