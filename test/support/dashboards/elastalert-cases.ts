/** Rules of ElastAlert of every kind, and what they become over streams `{app="shop"}`. */

import type { Status } from '../../../dashboards/model.ts'

export interface ElastalertCase {
  readonly name: string
  readonly rule: Readonly<Record<string, unknown>>
  readonly status: Status
  /** Undefined: nothing is written. */
  readonly expr: string | undefined
}

/** The rule as a file. */
export const elastalertSource = ({ name, rule }: ElastalertCase) => ({
  path: 'rules/case.yaml',
  text: JSON.stringify({ name, index: 'logs-*', run_every: { minutes: 1 }, ...rule }),
})

const S = '{app="shop"}'
const hour = { hours: 1 }

export const elastalertCases: readonly ElastalertCase[] = [
  { name: 'any', rule: { type: 'any' }, status: 'exact', expr: `sum(count_over_time(${S} [1m])) > 0` },
  {
    name: 'any, grouped',
    rule: { type: 'any', query_key: 'user' },
    status: 'exact',
    expr: `sum by (user) (count_over_time(${S} [1m])) > 0`,
  },
  {
    name: 'frequency with a compound key and a delay',
    rule: { type: 'frequency', num_events: 3, timeframe: { minutes: 10 }, query_key: ['user', 'host.name'], query_delay: { minutes: 2 } },
    status: 'exact',
    expr: `sum by (user, host_name) (count_over_time(${S} [10m] offset 2m)) >= 3`,
  },
  {
    name: 'frequency that asks for terms',
    rule: { type: 'frequency', num_events: 3, timeframe: { minutes: 10 }, query_key: 'user', use_terms_query: true, terms_size: 50 },
    status: 'exact',
    expr: `sum by (user) (count_over_time(${S} | user!="" [10m])) >= 3`,
  },
  {
    name: 'spike up',
    rule: { type: 'spike', spike_type: 'up', spike_height: 3, timeframe: hour, threshold_cur: 5, threshold_ref: 2 },
    status: 'exact',
    expr: `(sum(count_over_time(${S} [1h])) >= 5) and (sum(count_over_time(${S} [1h] offset 1h)) >= 2) and (sum(count_over_time(${S} [1h])) >= 3 * sum(count_over_time(${S} [1h] offset 1h)))`,
  },
  {
    name: 'spike up from nothing',
    rule: { type: 'spike', spike_type: 'up', spike_height: 3, timeframe: hour, threshold_cur: 5 },
    status: 'exact',
    expr: `(sum(count_over_time(${S} [1h])) >= 5) and (sum(count_over_time(${S} [1h])) >= 3 * (sum(count_over_time(${S} [1h] offset 1h)) or vector(0)))`,
  },
  {
    name: 'spike down',
    rule: { type: 'spike', spike_type: 'down', spike_height: 3, timeframe: hour },
    status: 'exact',
    expr: `3 * (sum(count_over_time(${S} [1h])) or vector(0)) <= sum(count_over_time(${S} [1h] offset 1h))`,
  },
  {
    name: 'spike both ways, with new keys',
    rule: {
      type: 'spike',
      spike_type: 'both',
      spike_height: 2,
      timeframe: hour,
      query_key: 'user',
      alert_on_new_data: true,
      threshold_cur: 5,
    },
    status: 'approximate',
    expr: `((sum by (user) (count_over_time(${S} [1h])) >= 5) and ((sum by (user) (count_over_time(${S} [1h])) >= 2 * sum by (user) (count_over_time(${S} [1h] offset 1h))) or (2 * sum by (user) (count_over_time(${S} [1h])) <= sum by (user) (count_over_time(${S} [1h] offset 1h))))) or ((sum by (user) (count_over_time(${S} [1h])) >= 5) unless sum by (user) (count_over_time(${S} [1h] offset 1h)))`,
  },
  {
    name: 'flatline',
    rule: { type: 'flatline', threshold: 1, timeframe: { minutes: 5 } },
    status: 'exact',
    expr: `(sum(count_over_time(${S} [5m])) or vector(0)) < 1`,
  },
  {
    name: 'flatline of keys that are forgotten',
    rule: { type: 'flatline', threshold: 4, timeframe: { minutes: 5 }, query_key: 'user', forget_keys: true },
    status: 'exact',
    expr: `(sum by (user) (count_over_time(${S} [5m])) < 4) or (sum by (user) (count_over_time(${S} [5m] offset 5m)) unless sum by (user) (count_over_time(${S} [5m])))`,
  },
  {
    name: 'flatline of keys that were kept for ever',
    rule: { type: 'flatline', threshold: 4, timeframe: { minutes: 5 }, query_key: 'user' },
    status: 'approximate',
    expr: `(sum by (user) (count_over_time(${S} [5m])) < 4) or (sum by (user) (count_over_time(${S} [5m] offset 5m)) unless sum by (user) (count_over_time(${S} [5m])))`,
  },
  {
    name: 'blacklist with a file',
    rule: { type: 'blacklist', compare_key: 'user', blacklist: ['root', '!file bad.txt'] },
    status: 'exact',
    expr: `sum(count_over_time(${S} | user=~"root|eve|mallory" [1m])) > 0`,
  },
  {
    name: 'blacklist with a file that is not there',
    rule: { type: 'blacklist', compare_key: 'user', blacklist: ['root', '!file other.txt'] },
    status: 'manual',
    expr: `sum(count_over_time(${S} | user="root" [1m])) > 0`,
  },
  {
    name: 'whitelist',
    rule: { type: 'whitelist', compare_key: 'user', ignore_null: false, query_key: 'host.name', whitelist: ['root', 'admin'] },
    status: 'exact',
    expr: `sum by (host_name) (count_over_time(${S} | user!~"root|admin" [1m])) > 0`,
  },
  {
    name: 'whitelist without documents that lack the field',
    rule: { type: 'whitelist', compare_key: 'user', ignore_null: true, whitelist: ['root'] },
    status: 'exact',
    expr: `sum(count_over_time(${S} | user!="root" | user!="" [1m])) > 0`,
  },
  {
    name: 'change',
    rule: { type: 'change', compare_key: 'country', query_key: 'user', ignore_null: true, timeframe: { days: 1 } },
    status: 'approximate',
    expr: `count by (user) (sum by (user, country) (count_over_time(${S} | user!="" | country!="" [1d]))) > 1`,
  },
  {
    name: 'new terms of one field and of two together',
    rule: { type: 'new_term', fields: ['user', ['host.name', 'ip']], terms_window_size: { hours: 12 } },
    status: 'approximate',
    expr: `(sum by (user) (count_over_time(${S} | user!="" [1m])) unless sum by (user) (count_over_time(${S} | user!="" [12h] offset 1m))) or (sum by (host_name, ip) (count_over_time(${S} | host_name!="" | ip!="" [1m])) unless sum by (host_name, ip) (count_over_time(${S} | host_name!="" | ip!="" [12h] offset 1m)))`,
  },
  {
    name: 'new terms remembered for 30 days',
    rule: { type: 'new_term', fields: 'user' },
    status: 'approximate',
    expr: `sum by (user) (count_over_time(${S} | user!="" [1m])) unless sum by (user) (count_over_time(${S} | user!="" [1d] offset 1m))`,
  },
  {
    name: 'cardinality above and below',
    rule: { type: 'cardinality', cardinality_field: 'user', max_cardinality: 10, min_cardinality: 2, timeframe: hour },
    status: 'exact',
    expr: `(count(sum by (user) (count_over_time(${S} | user!="" [1h]))) > 10) or ((count(sum by (user) (count_over_time(${S} | user!="" [1h]))) or vector(0)) < 2)`,
  },
  {
    name: 'metric aggregation',
    rule: { type: 'metric_aggregation', metric_agg_key: 'took', metric_agg_type: 'avg', max_threshold: 10, buffer_time: { minutes: 7 } },
    status: 'exact',
    expr: `avg_over_time(${S} | took!="" | unwrap took | __error__="" [7m]) by () > 10`,
  },
  {
    name: 'metric aggregation of a percentile',
    rule: {
      type: 'metric_aggregation',
      metric_agg_key: 'took',
      metric_agg_type: 'percentiles',
      percentile_range: 95,
      min_threshold: 10,
      use_run_every_query_size: true,
      query_key: 'user',
    },
    status: 'exact',
    expr: `quantile_over_time(0.95, ${S} | user!="" | took!="" | unwrap took | __error__="" [1m]) by (user) < 10`,
  },
  {
    name: 'metric aggregation of different values',
    rule: { type: 'metric_aggregation', metric_agg_key: 'took', metric_agg_type: 'cardinality', max_threshold: 10 },
    status: 'exact',
    expr: `count(sum by (took) (count_over_time(${S} | took!="" [15m]))) > 10`,
  },
  {
    name: 'metric aggregation of a number of values',
    rule: { type: 'metric_aggregation', metric_agg_key: 'took', metric_agg_type: 'value_count', max_threshold: 10 },
    status: 'exact',
    expr: `sum(count_over_time(${S} | took!="" [15m])) > 10`,
  },
  {
    name: 'spike of a sum',
    rule: { type: 'spike_aggregation', metric_agg_key: 'took', metric_agg_type: 'sum', spike_type: 'up', spike_height: 2, timeframe: hour },
    status: 'exact',
    expr: `sum(sum_over_time(${S} | took!="" | unwrap took | __error__="" [1h])) >= 2 * sum(sum_over_time(${S} [1h] offset 1h | took!="" | unwrap took | __error__=""))`,
  },
  {
    name: 'percentage above',
    rule: {
      type: 'percentage_match',
      match_bucket_filter: [{ term: { status: 500 } }],
      max_percentage: 5,
      min_denominator: 100,
      buffer_time: { minutes: 10 },
    },
    status: 'exact',
    expr: `((100 * sum(count_over_time(${S} | status="500" [10m])) / sum(count_over_time(${S} [10m]))) > 5) and (sum(count_over_time(${S} [10m])) >= 100)`,
  },
  {
    name: 'percentage below, where nothing may match',
    rule: {
      type: 'percentage_match',
      match_bucket_filter: [{ term: { status: 200 } }],
      min_percentage: 95,
      query_key: 'host.name',
      bucket_interval: { minutes: 5 },
    },
    status: 'exact',
    expr: `(100 * (sum by (host_name) (count_over_time(${S} | status="200" | host_name!="" [5m])) or 0 * sum by (host_name) (count_over_time(${S} | host_name!="" [5m]))) / sum by (host_name) (count_over_time(${S} | host_name!="" [5m]))) < 95`,
  },
  { name: 'a module of their own', rule: { type: 'my.module.Rule' }, status: 'unsupported', expr: undefined },
  {
    name: 'a script',
    rule: {
      type: 'metric_aggregation',
      metric_agg_key: 'x',
      metric_agg_type: 'avg',
      metric_agg_script: { script: 'doc' },
      max_threshold: 1,
    },
    status: 'unsupported',
    expr: undefined,
  },
  {
    name: 'enhancements',
    rule: { type: 'any', match_enhancements: ['my.module.Enhancement'] },
    status: 'unsupported',
    expr: undefined,
  },
  { name: 'without num_events', rule: { type: 'frequency', timeframe: hour }, status: 'unsupported', expr: undefined },
]
