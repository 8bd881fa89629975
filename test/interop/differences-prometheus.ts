/** In what the receiver behind the bridge differs from the Prometheus that was scraped to, by the rules of the mapping. */

import { backName, type Strategy } from '../../src/translate/prometheus/back.ts'
import { MetricType } from '../../src/translate/prometheus/model.ts'
import { unitOf } from '../../src/translate/prometheus/units.ts'
import type { Series } from './prometheus-api.ts'
import type { Unequal } from './prometheus-compare.ts'

/** A difference that a rule of the mapping wants. */
interface Expected {
  readonly rule: string
  readonly why: string
  /** @param name of the metric @param isNative whether the sender has native histograms of the name, by the job */
  explains(one: Unequal, name: string, isNative: (name: string, job: string | undefined) => boolean): boolean
}

const member = /_(bucket|sum|count)$/

export const prometheusDifferences: readonly Expected[] = [
  {
    rule: '7.4',
    why: 'series …_created are start times',
    explains: ({ receiver }, name) => name.endsWith('_created') && receiver === undefined,
  },
  {
    rule: '8.3, 12.2',
    why: 'target_info is made anew by the receiver, at times of its own',
    explains: (_, name) => name === 'target_info',
  },
  {
    rule: '6.3',
    why: 'of a histogram in both forms the native one is sent',
    explains: ({ receiver, metric }, name, isNative) =>
      receiver === undefined && member.test(name) && isNative(name.replace(member, ''), metric['job']),
  },
  {
    rule: '6.2',
    why: 'histograms with bounds of their own are explicit ones, which the receiver stores as classic',
    explains: ({ sender, receiver, metric }, name, isNative) =>
      metric['job'] === 'custom' &&
      (sender === undefined ? isNative(name.replace(member, ''), 'custom') : receiver === undefined && isNative(name, 'custom')),
  },
  {
    rule: '5.3',
    why: 'a histogram that has ended has no sum, and Prometheus ends …_sum only when it has one',
    explains: ({ sender }, name) => sender === undefined && name.endsWith('_sum'),
  },
]

export interface Judge {
  /** Differences that no row explains. */
  unexplained(unequal: readonly Unequal[]): Unequal[]
  /** Rows that have explained nothing so far. */
  unused(): string[]
}

/** @param native `job name` of metrics that senders have as native histograms */
export function createJudge(native: ReadonlySet<string>): Judge {
  const used = new Set<Expected>()
  const isNative = (name: string, job: string | undefined): boolean => native.has(`${job} ${name}`)
  return {
    unexplained: (unequal) =>
      unequal.filter((one) => {
        const row = prometheusDifferences.find(({ explains }) => explains(one, one.metric['__name__'] ?? '', isNative))
        if (row !== undefined) used.add(row)
        return row === undefined
      }),
    unused: () => prometheusDifferences.filter((row) => !used.has(row)).map(({ rule, why }) => `${rule}: ${why}`),
  }
}

/** A family of `/api/metrics/types`. */
export interface KnownType {
  readonly family: string
  readonly type: string
  readonly unit: string
}

/** Gives the series of a sender the names that the mapping foretells for a receiver, by what the bridge knows of their types and units. */
export function renamer(types: readonly KnownType[], strategy: Strategy): (answer: readonly Series[]) => Series[] {
  const known = new Map(types.map((one) => [one.family, one]))
  const nameOf = (name: string): string | undefined => {
    const own = known.get(name)
    if (own !== undefined) return backName(name, unitOf(own.unit), own.type === 'counter' ? MetricType.Counter : MetricType.Gauge, strategy)
    const [suffix = ''] = member.exec(name) ?? []
    const family = name.slice(0, name.length - suffix.length)
    const base = backName(family, unitOf(known.get(family)?.unit ?? ''), MetricType.Histogram, strategy)
    return base === undefined ? undefined : base + suffix
  }
  return (answer) =>
    answer.map((series) => {
      const name = nameOf(series.metric['__name__'] ?? '')
      return name === undefined ? series : { ...series, metric: { ...series.metric, __name__: name } }
    })
}
