import { describe, expect, it } from 'vitest'
import { documentLimitsOf, elasticsearchConfig } from '../../../src/ingest/elasticsearch/config.ts'
import { elasticsearchTranslateConfig } from '../../../src/translate/elasticsearch/config.ts'

const faultOf = (config: object): string | undefined => elasticsearchConfig.safeParse(config).error?.issues[0]?.path.join('.')

describe('elasticsearchConfig', () => {
  it('has the defaults of the mapping', () => {
    expect(elasticsearchConfig.parse({})).toMatchObject({
      port: 9200,
      prefix: '',
      version: '8.19.0',
      versionEcho: true,
      lenientContentType: true,
      lenientNewline: false,
      shortItems: false,
      upsert: 'reject',
      health: { reflectsQueue: false },
      dedupe: { ids: 200_000, ttl: 900_000 },
      backpressure: { hold: 8000, answer: 'auto', requests: 256, bytes: 64 * 1024 * 1024 },
      limits: { body: 100 * 1024 * 1024, document: 16 * 1024 * 1024, depth: 100 },
    })
    expect(elasticsearchTranslateConfig.parse({})).toMatchObject({
      body: 'message',
      parseJsonBody: false,
      nested: 'flat',
      keepEmpty: false,
      epoch: 'auto',
      strictTimestamp: false,
      ecs: { renames: 'default' },
      indexAttribute: 'record',
      serviceName: { derive: false },
      metricsDocs: 'logs',
      apmDocs: 'spans',
      systemIndices: 'discard',
    })
  })

  it.each([
    ['/', ''],
    ['/_es', '/_es'],
    ['/insert/elasticsearch/', '/insert/elasticsearch'],
  ])('takes the prefix %s', (prefix, wanted) => {
    expect(elasticsearchConfig.parse({ prefix }).prefix).toBe(wanted)
  })

  it.each([
    [{ prefix: '_es' }, 'prefix'],
    [{ prefix: '/a?b' }, 'prefix'],
    [{ version: '8.19' }, 'version'],
    [{ backpressure: { answer: 418 } }, 'backpressure.answer'],
    [{ upsert: 'yes' }, 'upsert'],
    [{ dedupe: { ids: -1 } }, 'dedupe.ids'],
  ])('refuses %j', (config, path) => {
    expect(faultOf(config)).toBe(path)
  })

  it.each([429, 503, 'items', 'close', 'auto'])('takes the answer %s', (answer) => {
    expect(elasticsearchConfig.parse({ backpressure: { answer } }).backpressure.answer).toBe(answer)
  })
})

describe('documentLimitsOf', () => {
  it('gives lists ten times the room of objects', () => {
    expect(documentLimitsOf({ document: 1, depth: 2, fields: 3 })).toEqual({ maxBytes: 1, maxDepth: 2, maxFields: 3, maxListValues: 30 })
  })
})
