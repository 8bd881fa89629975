/** What senders of documents make the bridge remember: more indices, ids, pipelines, agents, tenants and fields than there is room for, request after request. */

import { Agent, request } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { Live } from './support/live.ts'
import type { Range } from './support/throw.ts'
import { bulk, bulkHeaders, itemsOf, statusesOf, stillBulks } from './support/throw-bulk.ts'
import { openIdle } from './support/wire.ts'
import { createWithin, metricOf } from './support/within.ts'

const within = createWithin({
  still: stillBulks,
  before: 20,
  check: async ({ live }) => expect((await live.metrics()).size, 'series').toBeLessThan(4000),
})

/** Sends bodies of so many documents, one after the other; all must be taken. */
async function documents(range: Range, count: number, of: (at: number) => string, status = '201'): Promise<void> {
  const each = 2000
  for (let from = 0; from < count; from += each) {
    const reply = await bulk(range, Array.from({ length: each }, (_, at) => of(from + at)).join(''))
    expect([reply.status, statusesOf(itemsOf(reply))]).toEqual([200, `${status}×${each}`])
  }
}

/** Requests over eight connections. @param of method, path, headers and body of each. Gives how often there was which status. */
async function requests(
  live: Live,
  count: number,
  of: (at: number) => {
    readonly path: string
    readonly headers?: Record<string, string>
    readonly body?: string
    readonly method?: string
  },
): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {}
  const send = (agent: Agent, at: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const { path, headers = {}, body = '{"index":{"_index":"logs"}}\n{}\n', method = 'POST' } = of(at)
      const all = { ...bulkHeaders, 'content-length': String(Buffer.byteLength(body)), ...headers }
      const sent = request({ host: '127.0.0.1', port: live.ports.elasticsearch, path, method, agent, headers: all }, (response) => {
        const status = response.statusCode ?? 0
        statuses[status] = (statuses[status] ?? 0) + 1
        response.resume()
        response.on('end', resolve)
      })
      sent.on('error', reject)
      sent.end(body)
    })
  const client = async (first: number): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let at = first; at < count; at += 8) await send(agent, at)
    agent.destroy()
  }
  await Promise.all(Array.from({ length: 8 }, (_, at) => client(at)))
  return statuses
}

const long = (text: string, length: number): string => text.padEnd(length, 'x')

describe('what a sender of documents makes the bridge remember', () => {
  it('200,000 indices, and as many that cannot be', async () => {
    await within(300, [], async (range) => {
      await documents(range, 200_000, (at) => `{"create":{"_index":"${long(`logs-${at}-`, 200)}"}}\n{}\n`)
      await documents(range, 200_000, (at) => `{"create":{"_index":"${long(`BAD-${at}-`, 200)}"}}\n{}\n`, '400')
    })
  }, 300_000)

  it('500,000 ids of create, where there is room for 200,000', async () => {
    await within(200, [], async (range) => {
      await documents(range, 500_000, (at) => `{"create":{"_index":"logs","_id":"${long(String(at), 100)}"}}\n{}\n`)
      // The last are known, the first are not any more.
      await documents(range, 2000, (at) => `{"create":{"_index":"logs","_id":"${long(String(498_000 + at), 100)}"}}\n{}\n`, '409')
      await documents(range, 2000, (at) => `{"create":{"_index":"logs","_id":"${long(String(at), 100)}"}}\n{}\n`)
      expect(await metricOf(range.live, 'otlp_bridge_elasticsearch_duplicate_ids_total', 'create')).toBe(2000)
    })
  }, 300_000)

  it('100,000 pipelines', async () => {
    await within(200, [], async (range) => {
      await documents(range, 100_000, (at) => `{"create":{"_index":"logs","pipeline":"${long(`p${at}`, 300)}"}}\n{}\n`)
      expect(await metricOf(range.live, 'otlp_bridge_elasticsearch_pipeline_ignored_total')).toBe(100_000)
      expect(range.live.output().split('ingest pipeline').length).toBeLessThanOrEqual(102)
    })
  }, 300_000)

  it('100,000 services, hosts, loggers and data sets', async () => {
    await within(250, [], async (range) => {
      await documents(
        range,
        100_000,
        (at) =>
          `{"create":{"_index":"metrics-d${at}-default"}}\n{"service.name":"s${at}","host.name":"h${at}","log.logger":"l${at}","metricset.name":"m${at}","event.module":"e${at}"}\n`,
      )
    })
  }, 300_000)

  it('500,000 names of fields, of 100 letters', async () => {
    await within(300, [], async (range) => {
      await documents(range, 100_000, (at) => {
        const names = Array.from({ length: 5 }, (_, i) => `"${long(`f${at}-${i}`, 100)}":1`)
        return `{"create":{"_index":"logs"}}\n{${names.join(',')}}\n`
      })
    })
  }, 300_000)

  it('100,000 different faults in documents', async () => {
    await within(160, [], async (range) => {
      await documents(range, 100_000, (at) => `{"create":{"_index":"logs"}}\n{"a":"${'x'.repeat(at % 1000)}\\q${at}"}\n`, '400')
    })
  }, 300_000)

  it('50,000 User-Agents, tenants, media types, filters, pipelines and paths', async () => {
    await within(200, [], async (range) => {
      const statuses = await requests(range.live, 50_000, (at) => ({
        path: `/${long(`index-${at}`, 100)}/_bulk?filter_path=items.*.a${at}&pipeline=p${at}&unknown${at}=1`,
        headers: {
          'user-agent': `agent-${at}/1.${at}`,
          'x-scope-orgid': `tenant ${at}`,
          'x-elastic-client-meta': `es=${at}`,
          'x-opaque-id': `id ${at}`,
          accept: `application/x-${at}`,
          'content-type': `application/x-ndjson; n=${at}`,
        },
      }))
      expect(statuses).toEqual({ 200: 50_000 })
    })
  }, 300_000)

  it('50,000 single documents, each in an index and with an id of its own', async () => {
    await within(200, [], async (range) => {
      const statuses = await requests(range.live, 50_000, (at) => ({
        path: `/${long(`one-${at}`, 100)}/_doc/${long(String(at), 100)}`,
        headers: { 'content-type': 'application/json' },
        body: `{"message":"one ${at}"}`,
      }))
      expect(statuses).toEqual({ 201: 50_000 })
    })
  }, 300_000)

  it('10,000 connections that say nothing, of which 4,096 are kept', async () => {
    await within(250, [], async ({ live }) => {
      const sockets = await openIdle(live.ports.elasticsearch, 10_000)
      expect(live.alive()).toBe(true)
      const open = sockets.filter((one) => !one.destroyed && !one.readableEnded).length
      expect(open).toBeLessThanOrEqual(4096)
      expect(await metricOf(live, 'otlp_bridge_connections_closed_total', 'max_connections')).toBeGreaterThanOrEqual(5000)
      for (const socket of sockets) socket.destroy()
    })
  }, 300_000)

  it('300 large requests at once, of which 16 are read', async () => {
    await within(200, ['queue.type=disk', 'queue.path=./queue'], async (range) => {
      const body = '{"index":{"_index":"logs"}}\n{"message":"at once","filler":"'.concat('some words; '.repeat(80), '"}\n').repeat(5000)
      const replies = await Promise.all(Array.from({ length: 300 }, () => bulk(range, body, '/_bulk?filter_path=errors')))
      expect(new Set(replies.map(({ status, text }) => `${status} ${text}`))).toEqual(new Set(['200 {"errors":false}']))
    })
  }, 300_000)
})
