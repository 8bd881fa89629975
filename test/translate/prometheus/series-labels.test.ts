import { describe, expect, it } from 'vitest'
import { SeriesFault } from '../../../src/translate/prometheus/model.ts'
import {
  boundOf,
  defaultSeriesLimits,
  describeSeries,
  maxLabelBytes,
  metaText,
  readLabels,
  withoutReplica,
} from '../../../src/translate/prometheus/series-labels.ts'
import { encodeWrite } from '../../support/remote-write.ts'
import { type PlainSeries, Writing, writeBody } from '../../support/writing.ts'

const limits = { labels: 4, nameBytes: 10, valueBytes: 20 }

const requestOf = (labels: PlainSeries['labels'], version: 1 | 2 = 1) => {
  const writing = new Writing()
  writing.decode(version, writeBody(version, [{ labels, samples: [[1, 1]] }]))
  writing.request.labelRoom = maxLabelBytes
  return writing.request
}

const read = (labels: PlainSeries['labels'], own = limits) => readLabels(requestOf(labels), 0, own)

describe('readLabels', () => {
  it.each([1, 2] as const)('gives labels with a value in order of their names (%i.0)', (version) => {
    const labels: [string, string][] = [
      ['b', '1'],
      ['__name__', 'up'],
      ['empty', ''],
      ['a', 'é'],
    ]
    expect(readLabels(requestOf(labels, version), 0, limits)).toEqual({
      name: 'up',
      labels: [
        ['__name__', 'up'],
        ['a', 'é'],
        ['b', '1'],
      ],
    })
  })

  it.each<[string, PlainSeries['labels'], string]>([
    ['no name', '{a="1"}', 'no_name'],
    ['an empty name', [['__name__', '']], 'no_name'],
    ['a label twice', 'up{a="1",a="1"}', 'duplicate_label'],
    [
      'the name twice',
      [
        ['__name__', 'a'],
        ['__name__', 'b'],
      ],
      'duplicate_label',
    ],
    [
      'a label without a name',
      [
        ['__name__', 'a'],
        ['', 'b'],
      ],
      'empty_label_name',
    ],
    ['too many labels', 'up{a="1",b="2",c="3",d="4"}', 'too_many_labels'],
    ['a long name of a label', `up{${'a'.repeat(11)}="1"}`, 'label_name_too_long'],
    ['a long value', `up{a="${'é'.repeat(11)}"}`, 'label_value_too_long'],
    ['a long name', 'a'.repeat(11), 'name_too_long'],
  ])('refuses %s', (_what, labels, reason) => {
    expect(read(labels)).toMatchObject({ reason, why: expect.stringMatching(/^[a-z].*[^.]$/) })
  })

  it('takes what is just allowed', () => {
    expect(read(`${'n'.repeat(10)}{${'a'.repeat(10)}="${'v'.repeat(20)}",b="1",c="2"}`)).toHaveProperty('labels.length', 4)
    // A label that is absent because it has no value may come twice.
    expect(
      read([
        ['__name__', 'up'],
        ['a', ''],
        ['a', '1'],
      ]),
    ).toHaveProperty('labels.length', 2)
  })

  it('refuses labels that are not UTF-8', () => {
    const body = encodeWrite(1, { timeseries: [{ labels: [{ name: '__name__', value: 'XX' }], samples: [{ timestamp: '1' }] }] })
    Buffer.from(body.buffer, body.byteOffset, body.length).write('\xff\xfe', Buffer.from(body).indexOf('XX'), 'latin1')
    const writing = new Writing()
    writing.decode(1, body)
    writing.request.labelRoom = maxLabelBytes
    expect(readLabels(writing.request, 0, limits)).toMatchObject({ reason: 'invalid_utf8' })
    expect(describeSeries(writing.request, 0)).toBe('{__name__="\ufffd\ufffd"}')
  })

  it('refuses a series of which the decoder left something out', () => {
    const request = requestOf('up')
    request.seriesFault[0] = SeriesFault.TooManyLabels
    expect(readLabels(request, 0, defaultSeriesLimits)).toMatchObject({ reason: 'too_many_labels' })
  })

  it('has a bound for all labels of a series, and for those of a request', () => {
    const labels = ['a', 'b', 'c', 'd', 'e'].map((name): [string, string] => [name, 'v'.repeat(20)])
    expect(read([['__name__', 'up'], ...labels], { ...limits, labels: 10 })).toMatchObject({ reason: 'labels_too_large' })
    const request = requestOf('up{a="1"}')
    request.labelRoom = 11
    expect(readLabels(request, 0, limits)).toMatchObject({ reason: 'request_labels_too_large' })
    request.labelRoom = 12
    expect(readLabels(request, 0, limits)).toHaveProperty('name', 'up')
    expect(request.labelRoom).toBe(0)
  })
})

describe('describeSeries', () => {
  it('shows a series as far as it fits', () => {
    expect(describeSeries(requestOf('up{job="a\\n"}'), 0)).toBe('{__name__="up", job="a\\\\n"}')
    expect(describeSeries(requestOf(`up{a="${'x'.repeat(5000)}"}`), 0)).toMatch(/^\{__name__="up", a="x+…\}$/)
    expect(describeSeries(requestOf(`up{a="${'x'.repeat(5000)}"}`), 0).length).toBeLessThan(400)
  })
})

describe('metaText', () => {
  it('reads help, and of a long one the beginning', () => {
    const writing = new Writing()
    writing.decode(2, writeBody(2, [{ labels: 'a', samples: [[1, 1]], type: 1, help: `é${'x'.repeat(40_000)}`, unit: 's' }]))
    expect(metaText(writing.request, writing.request.seriesUnit[0] as number)).toBe('s')
    expect(metaText(writing.request, writing.request.seriesHelp[0] as number)).toHaveLength(16_383)
  })
})

describe('boundOf', () => {
  it.each<[string, number | undefined]>([
    ['1', 1],
    ['1.0', 1],
    ['1e0', 1],
    ['+1', 1],
    ['-0.5', -0.5],
    ['.5', 0.5],
    ['+Inf', Number.POSITIVE_INFINITY],
    ['Inf', Number.POSITIVE_INFINITY],
    ['inf', Number.POSITIVE_INFINITY],
    ['NaN', undefined],
    ['', undefined],
    ['x', undefined],
    ['1x', undefined],
    ['-Inf', undefined],
  ])('%s is %s', (text, wanted) => expect(boundOf(text)).toBe(wanted))
})

describe('withoutReplica', () => {
  const labels = [
    ['__name__', 'up'],
    ['cluster', 'c'],
    ['r', '1'],
  ] as const
  const ha = { enabled: true, clusterLabel: 'cluster', replicaLabels: ['r', 's'] }
  it('leaves the replica out, within a cluster and when asked to', () => {
    expect(withoutReplica(labels, ha)).toEqual(labels.slice(0, 2))
    expect(withoutReplica(labels, { ...ha, enabled: false })).toBe(labels)
    expect(withoutReplica(labels, { ...ha, clusterLabel: 'other' })).toBe(labels)
  })
})
