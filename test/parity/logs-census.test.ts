import { describe, expect, it } from 'vitest'
import { logCensus } from '../../src/parity/logs-census.ts'
import type { StoredEntry } from '../../src/parity/logs-store.ts'

const source = Buffer.from(
  JSON.stringify({
    '@timestamp': '2026-11-22T11:00:00.123456789Z',
    message: `order done ${'x'.repeat(5000)}`,
    log: { level: 'Error' },
    labels: { team: 'a', other: 'a' },
    price: 8.5,
    list: [1, 'two', { three: 3 }],
    id: 0,
    nothing: null,
    empty: '',
  }).replace('"id":0', '"id":9007199254740993'),
)

const entry: StoredEntry = {
  timeNs: BigInt(Date.UTC(2026, 10, 22, 11)) * 1_000_000n + 123_456_789n,
  line: `order done ${'x'.repeat(5000)}`,
  fields: new Map([
    ['severity_text', 'Error'],
    ['severity_number', '17'],
    ['labels_team', 'a'],
    ['labels_other', 'a'],
    ['price', '8.5'],
    ['list', '[1,"two",{"three":3}]'],
    ['id', '9007199254740993'],
    ['elasticsearch_index', 'app'],
  ]),
}

const options = { index: 'app', indexField: 'elasticsearch_index', isRuled: (path: string) => path === 'log.level' }
const left = (change: Partial<StoredEntry>) => logCensus(source, { ...entry, ...change }, options).map(({ path }) => path)
const withField = (name: string, value: string | undefined) => {
  const fields = new Map(entry.fields)
  if (value === undefined) fields.delete(name)
  else fields.set(name, value)
  return { fields }
}

/** Faults as they would be in the bridge and in the command alike: no expected record is asked here. */
describe('logCensus', () => {
  it('finds all of a document in its entry', () => expect(left({})).toEqual([]))

  it.each<[string, Partial<StoredEntry>, string[]]>([
    ['a body cut at 4 kB', { line: entry.line.slice(0, 4096) }, ['message']],
    ['nanoseconds cut to milliseconds', { timeNs: (entry.timeNs / 1_000_000n) * 1_000_000n }, ['@timestamp']],
    ['a severity off by one', withField('severity_number', '18'), ['log.level']],
    ['a wrong index', withField('elasticsearch_index', 'other'), ['_index']],
    ['one of two attributes with one value', withField('labels_other', undefined), ['labels.other']],
    ['digits of an integer', withField('id', '9007199254740992'), ['id']],
    ['a part of a list', withField('list', '[1,"two"]'), ['list.three']],
  ])('names %s', (_what, change, expected) => expect(left(change)).toEqual(expected))

  it('asks no more of a field that has a rule of its own', () => {
    expect(left(withField('severity_text', undefined))).toEqual([])
  })
})
