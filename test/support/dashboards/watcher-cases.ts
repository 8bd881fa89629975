/** Watches with every kind of condition, and what they become over streams `{app="shop"}`. */

import type { Status } from '../../../dashboards/model.ts'

export interface WatchCase {
  readonly name: string
  readonly watch: Readonly<Record<string, unknown>>
  readonly status: Status
  /** Undefined: nothing is written. */
  readonly expr: string | undefined
}

const S = '{app="shop"}'
const errors = { term: { status: 500 } }
const since = (gte: string, lte = 'now') => ({ range: { '@timestamp': { gte, lte } } })

/** A search of the last five minutes. */
const search = (body: object, query: unknown = { bool: { filter: [since('now-5m'), errors] } }) => ({
  search: { request: { indices: ['logs-*'], body: { size: 0, query, ...body } } },
})

const watch = (input: unknown, condition: unknown, more: object = {}) => ({
  trigger: { schedule: { interval: '1m' } },
  input,
  condition,
  actions: { tell: { logging: { text: 'seen {{ctx.payload.hits.total}}' } } },
  ...more,
})

const hosts = { hosts: { terms: { field: 'host.name', size: 10 }, aggs: { slow: { avg: { field: 'took' } } } } }
const E = `${S} | status="500"`

export const watchCases: readonly WatchCase[] = [
  {
    name: 'compare the number of hits',
    watch: watch(search({}), { compare: { 'ctx.payload.hits.total': { gt: 10 } } }),
    status: 'exact',
    expr: `sum(count_over_time(${E} [5m])) > 10`,
  },
  {
    name: 'compare that there are no hits',
    watch: watch(search({}), { compare: { 'ctx.payload.hits.total.value': { eq: 0 } } }),
    status: 'exact',
    expr: `(sum(count_over_time(${E} [5m])) or vector(0)) == 0`,
  },
  {
    name: 'compare with a number of the metadata',
    watch: watch(search({}), { compare: { 'ctx.payload.hits.total': { gte: '{{ctx.metadata.limit}}' } } }, { metadata: { limit: 7 } }),
    status: 'exact',
    expr: `sum(count_over_time(${E} [5m])) >= 7`,
  },
  {
    name: 'compare a window that ended earlier',
    watch: watch(search({}, { bool: { filter: [since('now-10m', 'now-5m')] } }), { compare: { 'ctx.payload.hits.total': { lt: 3 } } }),
    status: 'exact',
    expr: `(sum(count_over_time(${S} [5m] offset 5m)) or vector(0)) < 3`,
  },
  {
    name: 'compare a window that begins at the time of the trigger',
    watch: watch(search({}, { bool: { must: [since('{{ctx.trigger.scheduled_time}}||-15m', '{{ctx.trigger.scheduled_time}}')] } }), {
      compare: { 'ctx.payload.hits.total': { not_eq: 3 } },
    }),
    status: 'exact',
    expr: `(sum(count_over_time(${S} [15m])) or vector(0)) != 3`,
  },
  {
    name: 'compare an average',
    watch: watch(search({ aggs: { slow: { avg: { field: 'took' } } } }), {
      compare: { 'ctx.payload.aggregations.slow.value': { gt: 1.5 } },
    }),
    status: 'exact',
    expr: `avg_over_time(${S} | status="500" | took!="" | unwrap took | __error__="" [5m]) by () > 1.5`,
  },
  {
    name: 'compare a percentile',
    watch: watch(search({ aggs: { p: { percentiles: { field: 'took', percents: [95] } } } }), {
      compare: { 'ctx.payload.aggregations.p.values.95.0': { lte: 2 } },
    }),
    status: 'exact',
    expr: `quantile_over_time(0.95, ${S} | status="500" | took!="" | unwrap took | __error__="" [5m]) by () <= 2`,
  },
  {
    name: 'compare the documents of a filter',
    watch: watch(search({ aggs: { bad: { filter: { term: { kind: 'fatal' } } } } }), {
      compare: { 'ctx.payload.aggregations.bad.doc_count': { gt: 0 } },
    }),
    status: 'exact',
    expr: `sum(count_over_time(${E} | kind="fatal" [5m])) > 0`,
  },
  {
    name: 'compare the largest bucket',
    watch: watch(search({ aggs: hosts }), { compare: { 'ctx.payload.aggregations.hosts.buckets.0.doc_count': { gte: 5 } } }),
    status: 'exact',
    expr: `sum by (host_name) (count_over_time(${S} | status="500" | host_name!="" [5m])) >= 5`,
  },
  {
    name: 'some bucket of an array',
    watch: watch(search({ aggs: hosts }), {
      array_compare: { 'ctx.payload.aggregations.hosts.buckets': { path: 'doc_count', gte: { value: 25, quantifier: 'some' } } },
    }),
    status: 'exact',
    expr: `sum by (host_name) (count_over_time(${S} | status="500" | host_name!="" [5m])) >= 25`,
  },
  {
    name: 'all buckets of an array',
    watch: watch(search({ aggs: hosts }), {
      array_compare: { 'ctx.payload.aggregations.hosts.buckets': { path: 'slow.value', lt: { value: 2, quantifier: 'all' } } },
    }),
    status: 'exact',
    expr: `(count(avg_over_time(${S} | status="500" | host_name!="" | took!="" | unwrap took | __error__="" [5m]) by (host_name) >= 2) or vector(0)) == 0`,
  },
  {
    name: 'a script that compares',
    watch: watch(search({}), {
      script: { source: 'return ctx.payload.hits.total > params.limit && ctx.payload.hits.total <= 100;', params: { limit: 10 } },
    }),
    status: 'exact',
    expr: `(sum(count_over_time(${E} [5m])) > 10) and ((sum(count_over_time(${E} [5m])) or vector(0)) <= 100)`,
  },
  {
    name: 'a script that divides two totals',
    watch: watch(
      {
        chain: {
          inputs: [{ bad: search({}) }, { all: search({}, { bool: { filter: [since('now-5m')] } }) }],
        },
      },
      { script: '(double) ctx.payload.bad.hits.total / ctx.payload.all.hits.total > 0.1' },
    ),
    status: 'approximate',
    expr: `((sum(count_over_time(${E} [5m])) or vector(0)) / sum(count_over_time(${S} [5m]))) > 0.1`,
  },
  {
    name: 'the script of a threshold watch',
    watch: watch(search({ aggs: { metricAgg: { max: { field: 'took' } } } }), {
      script: {
        source: 'if (ctx.payload.aggregations.metricAgg.value > params.threshold) { return true; } return false;',
        params: { threshold: 3 },
      },
    }),
    status: 'exact',
    expr: `max_over_time(${S} | status="500" | took!="" | unwrap took | __error__="" [5m]) by () > 3`,
  },
  {
    name: 'the script of a threshold watch over groups',
    watch: watch(search({ aggs: hosts }), {
      script: {
        source:
          'ArrayList arr = ctx.payload.aggregations.hosts.buckets; for (int i = 0; i < arr.length; i++) { if (arr[i].doc_count > params.threshold) { return true; } } return false;',
        params: { threshold: 3 },
      },
    }),
    status: 'exact',
    expr: `sum by (host_name) (count_over_time(${S} | status="500" | host_name!="" [5m])) > 3`,
  },
  {
    name: 'a program',
    watch: watch(search({}), { script: { source: 'def x = 0; for (h in ctx.payload.hits.hits) { x += 1 } return x > 3' } }),
    status: 'manual',
    expr: `sum(count_over_time(${E} [5m]))`,
  },
  {
    name: 'always',
    watch: watch(search({}), { always: {} }),
    status: 'approximate',
    expr: `(sum(count_over_time(${E} [5m])) or vector(0)) >= 0`,
  },
  {
    name: 'never',
    watch: watch(search({}), { never: {} }),
    status: 'approximate',
    expr: `(sum(count_over_time(${E} [5m])) or vector(0)) >= 0`,
  },
  {
    name: 'an http input',
    watch: watch({ http: { request: { url: 'https://u:hunter2@example.test/' } } }, { compare: { 'ctx.payload.x': { gt: 1 } } }),
    status: 'unsupported',
    expr: undefined,
  },
  { name: 'a simple input', watch: watch({ simple: { a: 1 } }, { always: {} }), status: 'unsupported', expr: undefined },
  {
    name: 'a search without a range of time',
    watch: watch(search({}, errors), { compare: { 'ctx.payload.hits.total': { gt: 1 } } }),
    status: 'manual',
    expr: `sum(count_over_time(${E} [1m])) > 1`,
  },
  {
    name: 'a daily schedule',
    watch: {
      ...watch(search({}), { compare: { 'ctx.payload.hits.total': { gt: 1 } } }),
      trigger: { schedule: { daily: { at: '09:00' } } },
    },
    status: 'approximate',
    expr: `sum(count_over_time(${E} [5m])) > 1`,
  },
  {
    name: 'an even cron',
    watch: { ...watch(search({}), { compare: { 'ctx.payload.hits.total': { gt: 1 } } }), trigger: { schedule: { cron: '0 0/5 * * * ?' } } },
    status: 'exact',
    expr: `sum(count_over_time(${E} [5m])) > 1`,
  },
]
