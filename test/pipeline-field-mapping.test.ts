/** The user's own rules for fields of documents, through the whole program: every way in, and a file that changes. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadBridgeConfig } from '../src/config/compose.ts'
import { loadUserMapping } from '../src/config/user-mapping.ts'
import { createFileTranslator } from '../src/ingest/index.ts'
import { type Pipeline, startPipeline } from '../src/pipeline.ts'
import { silentLog } from '../src/telemetry/log.ts'
import { type GoldenLog, goldenLogs, type LogsSink, startLogsSink } from './support/logs-sink.ts'
import { connectLumberjack, jsonFrame, windowFrame } from './support/lumberjack.ts'

let folder: string
let sink: LogsSink
let pipeline: Pipeline | undefined

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'field-mapping-'))
  sink = await startLogsSink()
})
afterEach(async () => {
  await pipeline?.stop(1000)
  pipeline = undefined
  sink.close()
  await rm(folder, { recursive: true })
})

const mapping = () => join(folder, 'mapping.yaml')
const write = (attribute: string): Promise<void> =>
  writeFile(mapping(), `fields:\n  - field: team\n    resource: ${attribute}\n  - field: secret\n    drop: true\n`)
const load = () =>
  loadBridgeConfig(
    {
      set: [
        'ingest.elasticsearch.port=0',
        'ingest.beats.port=0',
        'admin.enabled=false',
        `emit.endpoint=${sink.url}`,
        `queue.path=${folder}/queue`,
        'emit.batch.delay=5',
        `translate.elasticsearch.mapping=${mapping()}`,
      ],
    },
    {},
  )

const document = (message: string): object => ({ message, team: 'blue', secret: 's' })
const addressOf = (section: string): string => pipeline?.listeners.find((one) => one.section === `ingest.${section}`)?.addresses[0] ?? ''
const found = (message: string): GoldenLog | undefined => sink.logs().find(({ body }) => body === message)

async function send(message: string): Promise<void> {
  const body = `{"create":{}}\n${JSON.stringify(document(`bulk ${message}`))}\n`
  const headers = { 'content-type': 'application/x-ndjson' }
  expect((await fetch(`${addressOf('elasticsearch')}/i/_bulk`, { method: 'POST', body, headers })).status).toBe(200)
  const client = await connectLumberjack(Number(new URL(addressOf('beats')).port))
  client.write(Buffer.concat([windowFrame(1), jsonFrame(1, document(`beats ${message}`))]))
  await client.acknowledged(1)
  client.destroy()
}

describe("the user's own rules for fields", () => {
  it('hold over HTTP and for Beats, and anew when the file has changed', async () => {
    await write('team.name')
    pipeline = await startPipeline(await load(), { log: silentLog, version: 'test', nowMs: Date.now, random: Math.random })
    await send('1')
    await write('owner')
    const report = await pipeline.reload(await load())
    expect(report.endpoints.restarted.toSorted()).toEqual(['beats', 'elasticsearch'])
    await send('2')
    for (const [message, resource] of [
      ['bulk 1', { 'team.name': 'blue' }],
      ['beats 1', { 'team.name': 'blue' }],
      ['bulk 2', { owner: 'blue' }],
      ['beats 2', { owner: 'blue' }],
    ] as const) {
      await expect.poll(() => found(message)?.resource, { timeout: 4000 }).toEqual(resource)
      expect(found(message)?.attributes).not.toHaveProperty('secret')
    }
  })

  it.each(['es-bulk', 'es-docs'] as const)('hold for files of %s', async (form) => {
    await write('team.name')
    const { translate } = await load()
    const translateFile = await createFileTranslator(form, translate, undefined, loadUserMapping)
    const action = form === 'es-bulk' ? '{"create":{"_index":"i"}}\n' : ''
    const { data } = await translateFile(Buffer.from(`${action}${JSON.stringify(document('m'))}\n`), 0)
    expect(goldenLogs(data)).toMatchObject([{ body: 'm', resource: { 'team.name': 'blue' } }])
  })
})
