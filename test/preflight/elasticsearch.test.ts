import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkPublicAddress, whoAnswers } from '../../src/preflight/elasticsearch.ts'
import { checkPorts } from '../../src/preflight/ports.ts'
import { plannedOf, subjectOf, told, worldOf } from './support/subject.ts'

const root = (more: object): string => JSON.stringify({ name: 'es-1', cluster_name: 'logs', tagline: 'You Know, for Search', ...more })

const elastic = root({ version: { number: '7.17.29' } })
const openSearch = root({ version: { number: '2.11.0', distribution: 'opensearch' } })
const bridge = root({ name: 'otlp-bridge', cluster_name: 'otlp-bridge', version: { number: '8.19.0' } })

/** A world in which this is answered, and what was asked for. */
function answering(body: string, status = 200) {
  const asked: string[] = []
  const get = async (url: string) => {
    asked.push(url)
    return { status, dateMs: undefined, body }
  }
  return { asked, deps: worldOf({ get }) }
}

describe('whoAnswers', () => {
  it.each([
    ['an Elasticsearch', elastic, { who: 'elasticsearch', words: 'an Elasticsearch 7.17.29' }],
    ['an OpenSearch', openSearch, { who: 'elasticsearch', words: 'an OpenSearch 2.11.0' }],
    ['a bridge', bridge, { who: 'bridge', words: 'a bridge' }],
    ['a page', '<html>', { who: 'unknown', words: 'something that answers 200' }],
    ['JSON of something else', '[1]', { who: 'unknown', words: 'something that answers 200' }],
    ['null', 'null', { who: 'unknown', words: 'something that answers 200' }],
  ])('knows %s', async (_name, body, found) => {
    expect(await whoAnswers('http://es:9200', { timeoutMs: 1 }, answering(body).deps)).toEqual(found)
  })

  it('repeats no more than a few words of others', async () => {
    const found = await whoAnswers('http://es', { timeoutMs: 1 }, answering(root({ version: { number: '9'.repeat(1000) } })).deps)
    expect(found?.words).toBe(`an Elasticsearch ${'9'.repeat(40)}`)
  })

  it('finds nobody where nobody answers', async () => {
    expect(await whoAnswers('http://es', { timeoutMs: 1 }, worldOf())).toBeUndefined()
  })
})

describe('checkPublicAddress', () => {
  const subject = subjectOf({ ingest: { elasticsearch: { publicAddress: 'logs.example.com:9200' } } })

  it('finds nothing without one', async () => {
    const { asked, deps } = answering(elastic)
    expect(await checkPublicAddress(subjectOf({ ingest: { elasticsearch: {} } }), deps)).toEqual([])
    expect(asked).toEqual([])
  })

  it.each([
    [
      elastic,
      200,
      'fail',
      'logs.example.com:9200, where clients will be told to go, is an Elasticsearch 7.17.29: documents would go past the bridge',
    ],
    [bridge, 200, 'ok', 'logs.example.com:9200 is a bridge'],
    ['{}', 401, 'warn', 'logs.example.com:9200, where clients will be told to go, is something that answers 401'],
  ])('judges who answers there: %#', async (body, status, level, seen) => {
    const { asked, deps } = answering(body, status)
    const findings = await checkPublicAddress(subject, deps)
    expect(told(findings)).toEqual([`${level} ingest.elasticsearch: ${seen}`])
    expect(findings[0]?.knob).toBe(level === 'ok' ? undefined : 'ingest.elasticsearch.publicAddress')
    expect(asked).toEqual(['http://logs.example.com:9200/'])
  })

  it('warns when nobody does', async () => {
    const findings = await checkPublicAddress(subject, worldOf())
    expect(findings).toMatchObject([{ level: 'warn', seen: expect.stringContaining('nobody answers at logs.example.com:9200') }])
  })
})

describe('checkPorts', () => {
  it('says that an Elasticsearch has the port', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const at = server.address()
    const place = { transport: 'tcp' as const, host: '127.0.0.1', port: typeof at === 'object' && at !== null ? at.port : 0 }
    const { asked, deps } = answering(elastic)
    const findings = await checkPorts(
      subjectOf({ admin: { enabled: false } }, { endpoints: [plannedOf('elasticsearch', place), plannedOf('beats', place)] }),
      deps,
    )
    expect(told(findings)).toEqual([
      `fail ingest.elasticsearch: 127.0.0.1:${place.port} (tcp) is taken, by an Elasticsearch 7.17.29`,
      `fail ingest.beats: 127.0.0.1:${place.port} (tcp) is taken`,
    ])
    expect(asked).toContain(`http://127.0.0.1:${place.port}/`)
  })
})
