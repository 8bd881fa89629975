/** Names that senders make up, where a shipper sets something up: more of them than any shipper has. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { countsOf, createFakeDeps } from '../ingest/support/fakes.ts'
import { ask, flood, startHandshake } from '../ingest/support/handshake.ts'

const count = 100_000

it('keeps its bounds under 100,000 names of templates, agents, media types and filters', { timeout: 300_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'registry-'))
  const deps = createFakeDeps(() => Date.now())
  const listener = await startHandshake({}, { ...deps, dataPath: folder })
  try {
    const before = process.memoryUsage().heapUsed
    const statuses = await flood(
      listener,
      count,
      (at) =>
        `PUT /_index_template/name-${at}?filter_path=a${at} HTTP/1.1\r\nHost: x\r\nUser-Agent: agent-${at}/1\r\nAccept: application/x-${at}\r\nContent-Length: 21\r\n\r\n{"index_patterns":[]}`,
    )
    expect(statuses).toEqual({ 200: count })
    expect(Object.keys(countsOf(deps.metrics, 'otlp_bridge_elasticsearch_handshake_total', 'agent'))).toHaveLength(101)
    expect(countsOf(deps.metrics, 'otlp_bridge_elasticsearch_registry_evicted_total', 'kind')).toEqual({ index_template: count - 1000 })
    const { json } = await ask(listener, 'GET', '/_index_template')
    expect((json as { index_templates: unknown[] }).index_templates).toHaveLength(1000)
    // Half a kilobyte a name would be more.
    expect((process.memoryUsage().heapUsed - before) / 2 ** 20).toBeLessThan(50)
  } finally {
    await listener.stop(0)
    await rm(folder, { recursive: true })
  }
})
