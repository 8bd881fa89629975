import { describe, expect, it } from 'vitest'
import { createDocumentTranslator } from '../../src/parity/logs-expected.ts'
import { matchEntries } from '../../src/parity/logs-matching.ts'
import { createOtelStore, otelTime } from '../../src/parity/logs-otel.ts'
import type { StoredEntry } from '../../src/parity/logs-store.ts'
import { scriptedElasticsearch } from './scripted-logs.ts'

const timeNs = BigInt(Date.UTC(2026, 10, 22, 11)) * 1_000_000n + 123_456_789n

describe('otelTime', () => {
  it.each([['2026-11-22T11:00:00.123456789Z'], ['1795345200123.456789']])('reads %s to the nanosecond', (text) =>
    expect(otelTime(text)).toBe(timeNs),
  )
  it('gives 0 for what is no time', () => expect(otelTime('soon')).toBe(0n))
})

describe('createOtelStore', () => {
  it('has what it expects of a record, by the names of OTel mode', async () => {
    const translator = await createDocumentTranslator(undefined)
    const source = {
      '@timestamp': '2026-11-22T11:00:00.123456789Z',
      message: 'done',
      log: { level: 'error' },
      host: { name: 'h' },
      'http.response.status_code': 500,
    }
    const record = translator.record({ index: 'app', id: 'i', source: Buffer.from(JSON.stringify(source)) }, 'app')
    if (typeof record === 'string') throw new Error(record)
    const stored = {
      '@timestamp': '1795345200123.456789',
      body: { text: 'done' },
      severity_text: 'error',
      severity_number: 17,
      attributes: { 'http.response.status_code': 500, 'elasticsearch.index': 'app', 'elasticsearch.document.id': 'i' },
      resource: { attributes: { 'host.name': 'h' } },
      data_stream: { type: 'logs' },
    }
    const document = { index: 'logs-generic.otel-default', id: 'x', source: JSON.stringify(stored), atMs: Number(timeNs / 1_000_000n) }
    const store = createOtelStore(scriptedElasticsearch({ documents: [document] }), 'logs-*.otel-*')
    const expected = store.expect(record)
    const entries: StoredEntry[] = []
    for await (const page of store.entries(undefined, { startNs: timeNs, endNs: timeNs + 1n })) entries.push(...page)
    const { matches } = matchEntries([expected], entries, store.idField)
    expect(matches.map(({ by }) => by)).toEqual(['exact'])
    expect(Object.fromEntries(entries[0]?.fields ?? [])).toEqual(
      Object.fromEntries([...expected.fields].map(([name, [text = '']]) => [name, text])),
    )
  })
})
