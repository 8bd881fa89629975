/**
 * Log documents of a real Elasticsearch: back-filled by a process that is killed five times.
 *
 * `OTLP_BRIDGE_BACKFILL_ITEMS` (20,000): how many are written. `OTLP_BRIDGE_BACKFILL_ES`: URL of an Elasticsearch with `app-logs*` already in it; it is
 * only read.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../src/read/otlp-json.ts'
import { historyTimeout, sampleSize, showHistory, wantedItems } from './backfill-history.ts'
import { ItemKey, isSampled } from './backfill-keys.ts'
import { fillLogs } from './backfill-load.ts'
import { expectedLog, receivedLog } from './backfill-log-sample.ts'
import { keyText, logKey, logKeys, startRecorder } from './backfill-recorder.ts'
import { countDocuments, scanDocuments, seeDocuments } from './backfill-scan.ts'
import { hasElasticsearch, startElasticsearch } from './elasticsearch-lab.ts'

const filled = process.env['OTLP_BRIDGE_BACKFILL_ES']
const index = 'app-logs*'

describe.skipIf(filled === undefined && !hasElasticsearch(7))('history of logs in Elasticsearch', () => {
  let stop = async (): Promise<void> => {}
  let url = filled ?? ''

  beforeAll(async () => {
    if (filled !== undefined) return
    const node = await startElasticsearch(7)
    stop = () => node.stop()
    url = `http://127.0.0.1:${node.ports.http}`
  }, 180_000)

  afterAll(() => stop(), 60_000)

  it(
    'elasticsearch: documents come whole, though the run is killed five times',
    async () => {
      if (filled === undefined) {
        await fillLogs(url, wantedItems)
        await seeDocuments(url, index, wantedItems)
      }
      const items = await countDocuments(url, index)
      const recorder = await startRecorder({ signal: 'logs', keysOf: logKeys, sample: { wanted: sampleSize, items } })
      try {
        const words = ['elasticsearch', '--url', url, '--index', index]
        const { report } = await showHistory({ name: 'elasticsearch logs', words, recorder, items })
        expect(report).toMatchObject({ read: items, translated: items, acknowledged: items, skipped: [] })

        const key = new ItemKey()
        const [lost, differences]: [string[], string[]] = [[], []]
        let [documents, compared] = [0, 0]
        for await (const { index: of, id, source } of scanDocuments(url, index, [])) {
          documents++
          logKey(key, BigInt(Date.parse(String(source['@timestamp']))) * 1_000_000n, String(source['message']))
          if (recorder.counts.count(key) === 0 && lost.length < 20) lost.push(id)
          if (!isSampled(key, sampleSize, items)) continue
          const request = recorder.sample.get(keyText(key))
          if (request === undefined) continue
          compared++
          const [expected, received] = [expectedLog(of, id, source as Json), receivedLog(request)]
          try {
            expect(received).toEqual(expected)
          } catch (error) {
            if (differences.length < 5) differences.push(`${id}: ${error instanceof Error ? error.message : error}`)
          }
        }
        console.info(
          `  ${documents} documents, ${recorder.counts.unique} different records came; ${compared} compared, ${differences.length} differences`,
        )
        expect(lost).toEqual([])
        expect(documents).toBe(items)
        expect(recorder.counts.unique).toBe(items)
        expect(differences).toEqual([])
        expect(compared).toBe(recorder.sample.size)
        expect(compared).toBeGreaterThanOrEqual(Math.min(1000, items / 2))
      } finally {
        await recorder.close()
      }
    },
    historyTimeout,
  )
})
