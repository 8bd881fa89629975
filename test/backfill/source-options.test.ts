import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { maskedWords, parseSourceOptions, publicOptions, sourceFlags } from '../../src/backfill/source-options.ts'
import { duration } from '../../src/config/units.ts'

const options = z.strictObject({
  url: z.string().meta({ secret: true }).describe('Where it is.'),
  apiKey: z.string().optional().meta({ secret: true }).describe('Key.'),
  timeField: z.string().default('@timestamp').describe('Field.'),
  limit: z.number().int().min(1).default(1500).describe('Limit.'),
  archive: z.boolean().default(false).describe('Archive.'),
  adjust: z.boolean().default(true).describe('Adjust.'),
  label: z.array(z.string()).default([]).describe('Label.'),
  timeout: duration.default(60_000).describe('Timeout.'),
  format: z.enum(['json', 'proto']).optional().describe('Format.'),
})
const kind = { options }

describe('sourceFlags', () => {
  it('makes a flag of every option, in kebab-case, with what it takes and what it is by default', () => {
    expect(
      sourceFlags(kind).map(({ flag, takes, value, fallback, required, secret }) => [flag, takes, value, fallback, required, secret]),
    ).toEqual([
      ['--url', 'text', 'text', '', true, true],
      ['--api-key', 'text', 'text', '', false, true],
      ['--time-field', 'text', 'text', '@timestamp', false, false],
      ['--limit', 'number', 'count', '1500', false, false],
      ['--archive', 'nothing', '', '', false, false],
      ['--no-adjust', 'nothing', '', '', false, false],
      ['--label', 'list', 'text', '', false, false],
      ['--timeout', 'text', 'duration', '1m', false, false],
      ['--format', 'text', 'json|proto', '', false, false],
    ])
  })
})

describe('parseSourceOptions', () => {
  it('takes flags over the configuration, and fills in the rest', () => {
    expect(parseSourceOptions('x', kind, { url: 'http://a', limit: 5 }, { limit: 7, timeout: '2s' })).toMatchObject({
      url: 'http://a',
      limit: 5,
      timeout: 2000,
      archive: false,
    })
  })

  it('names the flag, or the key of the configuration, that is at fault', () => {
    expect(() => parseSourceOptions('x', kind, {}, {})).toThrow('cannot open x: --url: is required')
    expect(() => parseSourceOptions('x', kind, { url: 'a', limit: 0 })).toThrow(/--limit: /)
    expect(() => parseSourceOptions('x', kind, { url: 'a' }, { limit: 0 })).toThrow(/backfill\.sources\.x\.limit: /)
    expect(() => parseSourceOptions('x', kind, { url: 'a' }, { lmit: 1 })).toThrow(/backfill\.sources\.x: .*lmit/)
  })
})

describe('publicOptions', () => {
  it('keeps what is not as by default and no secret', () => {
    const parsed = parseSourceOptions('x', kind, { url: 'http://es:9200/p', apiKey: 'k3y', limit: 5, label: ['a=b'] })
    expect(publicOptions(kind, parsed)).toEqual({ url: 'http://es:9200/p', limit: 5, label: ['a=b'] })
  })

  it.each(['http://u:p@es:9200', 'http://es:9200?token=1', 'no url'])('keeps no address that may hold a secret: %s', (url) => {
    expect(publicOptions(kind, parseSourceOptions('x', kind, { url }))).toEqual({})
  })
})

describe('maskedWords', () => {
  it('masks the values of secret flags, in both ways of writing, and userinfo', () => {
    const words = ['--api-key', 's3cret', '--api-key=s3cret', '--url', 'http://u:s3cret@es:9200', '--limit', '5']
    expect(maskedWords(words, sourceFlags(kind))).toEqual([
      '--api-key',
      '***',
      '--api-key=***',
      '--url',
      'http://***@es:9200',
      '--limit',
      '5',
    ])
  })
})
