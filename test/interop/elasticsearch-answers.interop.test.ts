/** The same bulk requests to Elasticsearch and to the bridge: the answers are alike, but for what elasticsearch-differences.ts lists. */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bulkCases, index } from './elasticsearch-bodies.ts'
import { answerDifferences, sendCase } from './elasticsearch-compare.ts'
import { type AllowedDifference, allowedDifferences, differencesTable } from './elasticsearch-differences.ts'
import { hasElasticsearch, type Major, startElasticBridge, startElasticsearch } from './elasticsearch-lab.ts'
import { type Peer, root } from './peers.ts'
import type { RestartingBridge } from './restarting-bridge.ts'

const majors: readonly Major[] = [7, 8]
const page = join(root, 'docs/elasticsearch.md')
const used = new Set<AllowedDifference>()

describe.each(majors)('answers to bulk requests of Elasticsearch %i', (major) => {
  const isThere = hasElasticsearch(major)
  let node: Peer<{ readonly http: number }> | undefined
  let bridge: RestartingBridge<'elastic'> | undefined

  beforeAll(async () => {
    if (!isThere) return
    node = await startElasticsearch(major)
    bridge = await startElasticBridge(major)
    const url = `http://127.0.0.1:${node.ports.http}/${index}`
    await fetch(url, { method: 'DELETE' })
    const mappings = { mappings: { dynamic: false } }
    const made = await fetch(url, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(mappings) })
    expect(made.status).toBe(200)
  })

  afterAll(async () => {
    await bridge?.stop()
    await node?.stop()
  })

  it.skipIf(!isThere).each(bulkCases)('$name', async (one) => {
    if (node === undefined || bridge === undefined) throw new Error('cannot compare: nothing was started')
    const real = await sendCase(node.ports.http, one)
    const ours = await sendCase(bridge.ports.elastic, one)
    const unexplained = answerDifferences(one.name, real, ours).filter((difference) => {
      const reason = allowedDifferences.find((allowed) => allowed.explains(difference, major))
      if (reason !== undefined) used.add(reason)
      return reason === undefined
    })
    expect(unexplained.map(({ path, real, ours }) => ({ path, real, ours }))).toEqual([])
  })
})

describe('allowedDifferences', () => {
  it.skipIf(!majors.every(hasElasticsearch))('holds nothing that does not happen', () => {
    const idle = allowedDifferences.filter((allowed) => !used.has(allowed)).map(({ sent }) => sent)
    expect(idle).toEqual([])
  })

  it.skipIf(!existsSync(page))('is the table of the page', () => {
    expect(readFileSync(page, 'utf8').replace(/ +\|/g, ' |').replace(/-{3,}/g, '---')).toContain(differencesTable())
  })
})
