/** Rules of Kibana of every kind, and what they become over streams `{app="shop"}`. */

import type { Status } from '../../../dashboards/model.ts'

export interface KibanaCase {
  readonly name: string
  readonly type: string
  readonly params: Readonly<Record<string, unknown>>
  readonly rule?: Readonly<Record<string, unknown>>
  /** Other objects of the file. */
  readonly objects?: readonly object[]
  readonly status: Status
  /** One a rule that is written. */
  readonly exprs: readonly string[]
}

/** The rule in an export. */
export const kibanaSource = ({ name, type, params, rule = {}, objects = [] }: KibanaCase) => ({
  path: 'rules.ndjson',
  text: [
    {
      id: 'r',
      type: 'alert',
      attributes: { name, alertTypeId: type, enabled: true, schedule: { interval: '1m' }, params, actions: [], tags: [], ...rule },
      references: [],
    },
    ...objects,
    { exportedCount: 1 },
  ]
    .map((one) => JSON.stringify(one))
    .join('\n'),
})

const S = '{app="shop"}'
const window = { timeWindowSize: 5, timeWindowUnit: 'm' }
const kql = (query: string) => ({ query: { query, language: 'kuery' }, filter: [], index: 'logs-*' })
const B = '{app="shop"}'

export const kibanaCases: readonly KibanaCase[] = [
  {
    name: 'es query in KQL',
    type: '.es-query',
    params: {
      searchType: 'searchSource',
      ...window,
      threshold: [100],
      thresholdComparator: '>',
      aggType: 'count',
      groupBy: 'all',
      searchConfiguration: kql('status >= 500'),
    },
    status: 'exact',
    exprs: [`sum(count_over_time(${S} | status >= 500 [5m])) > 100`],
  },
  {
    name: 'es query in KQL, grouped, between',
    type: '.es-query',
    params: {
      searchType: 'searchSource',
      ...window,
      threshold: [1, 5],
      thresholdComparator: 'between',
      aggType: 'avg',
      aggField: 'took',
      groupBy: 'top',
      termField: ['host.name', 'user'],
      termSize: 5,
      searchConfiguration: kql(''),
    },
    status: 'exact',
    exprs: [
      `(avg_over_time(${S} | host_name!="" | user!="" | took!="" | unwrap took | __error__="" [5m]) by (host_name, user) >= 1) and (avg_over_time(${S} | host_name!="" | user!="" | took!="" | unwrap took | __error__="" [5m]) by (host_name, user) <= 5)`,
    ],
  },
  {
    name: 'es query in the DSL',
    type: '.es-query',
    params: {
      searchType: 'esQuery',
      index: ['logs-*'],
      esQuery: '{"query":{"term":{"status":"500"}}}',
      ...window,
      threshold: [1],
      thresholdComparator: '<=',
    },
    status: 'exact',
    exprs: [`(sum(count_over_time(${S} | status="500" [5m])) or vector(0)) <= 1`],
  },
  {
    name: 'es query in ES|QL that filters',
    type: '.es-query',
    params: {
      searchType: 'esqlQuery',
      esqlQuery: { esql: 'FROM logs-* | WHERE status >= 500 | KEEP user | LIMIT 10' },
      ...window,
      threshold: [0],
      thresholdComparator: '>',
    },
    status: 'exact',
    exprs: [`sum(count_over_time(${S} | status >= 500 [5m])) > 0`],
  },
  {
    name: 'es query in ES|QL that aggregates',
    type: '.es-query',
    params: {
      searchType: 'esqlQuery',
      esqlQuery: {
        esql: 'FROM logs-* | WHERE user != "a|b" | STATS c = COUNT(*), m = MAX(took) BY host.name | WHERE c > 10 AND m <= 3 | SORT c DESC',
      },
      ...window,
      threshold: [0],
      thresholdComparator: '>',
    },
    status: 'exact',
    exprs: [
      `(sum by (host_name) (count_over_time(${S} | user!="a|b" | user!="" [5m])) > 10) and (max_over_time(${S} | user!="a|b" | user!="" | took!="" | unwrap took | __error__="" [5m]) by (host_name) <= 3)`,
    ],
  },
  {
    name: 'es query in ES|QL that does more',
    type: '.es-query',
    params: {
      searchType: 'esqlQuery',
      esqlQuery: { esql: 'FROM logs-* | STATS c = COUNT(*) | EVAL d = c * 2 | WHERE d > 1' },
      ...window,
      threshold: [0],
      thresholdComparator: '>',
    },
    status: 'unsupported',
    exprs: [],
  },
  {
    name: 'es query in ES|QL of what is missing',
    type: '.es-query',
    params: {
      searchType: 'esqlQuery',
      esqlQuery: { esql: 'FROM logs-* | STATS c = COUNT(*) | WHERE c < 1' },
      ...window,
      threshold: [0],
      thresholdComparator: '>',
    },
    status: 'exact',
    exprs: [`(sum(count_over_time(${S} [5m])) or vector(0)) < 1`],
  },
  {
    name: 'index threshold',
    type: '.index-threshold',
    params: {
      index: ['logs-*'],
      aggType: 'max',
      aggField: 'took',
      groupBy: 'top',
      termField: 'host.name',
      termSize: 20,
      ...window,
      thresholdComparator: 'notBetween',
      threshold: [1, 9],
      filterKuery: 'status: 500',
    },
    status: 'exact',
    exprs: [
      `(max_over_time(${S} | status="500" | host_name!="" | took!="" | unwrap took | __error__="" [5m]) by (host_name) < 1) or (max_over_time(${S} | status="500" | host_name!="" | took!="" | unwrap took | __error__="" [5m]) by (host_name) > 9)`,
    ],
  },
  {
    name: 'log threshold',
    type: 'logs.alert.document.count',
    params: {
      timeSize: 15,
      timeUnit: 'm',
      count: { value: 75, comparator: 'more than' },
      criteria: [
        { field: 'status', comparator: 'more than or equals', value: 500 },
        { field: 'user', comparator: 'does not equal', value: 'batch' },
      ],
      groupBy: ['host.name'],
      logView: { type: 'log-view-reference', logViewId: 'logs-*' },
    },
    status: 'exact',
    exprs: [`sum by (host_name) (count_over_time(${S} | user!="batch" | host_name!="" | status >= 500 [15m])) > 75`],
  },
  {
    name: 'log threshold of a ratio',
    type: 'logs.alert.document.count',
    params: {
      timeSize: 5,
      timeUnit: 'm',
      count: { value: 0.5, comparator: 'less than' },
      criteria: [[{ field: 'status', comparator: 'equals', value: 200 }], [{ field: 'user', comparator: 'equals', value: 'u' }]],
      logView: { type: 'log-view-reference', logViewId: 'logs-*' },
    },
    status: 'exact',
    exprs: [
      `((sum(count_over_time(${S} | status="200" [5m])) or 0 * sum(count_over_time(${S} | user="u" [5m]))) / sum(count_over_time(${S} | user="u" [5m]))) < 0.5`,
    ],
  },
  {
    name: 'custom threshold',
    type: 'observability.rules.custom_threshold',
    params: {
      criteria: [
        {
          comparator: '>',
          threshold: [0.05],
          timeSize: 5,
          timeUnit: 'm',
          metrics: [
            { name: 'A', aggType: 'count', filter: 'status >= 500' },
            { name: 'B', aggType: 'count' },
          ],
          equation: 'A / B',
        },
      ],
      alertOnNoData: true,
      alertOnGroupDisappear: true,
      groupBy: ['host.name'],
      searchConfiguration: kql(''),
    },
    status: 'exact',
    exprs: [
      `(sum by (host_name) (count_over_time(${S} | host_name!="" | status >= 500 [5m])) / sum by (host_name) (count_over_time(${S} | host_name!="" [5m]))) > 0.05`,
      `sum by (host_name) (count_over_time(${S} | host_name!="" [5m] offset 5m)) unless sum by (host_name) (count_over_time(${S} | host_name!="" [5m]))`,
      `(sum(count_over_time(${B} [5m])) or vector(0)) == 0`,
    ],
  },
  {
    name: 'custom threshold with two conditions and a warning',
    type: 'observability.rules.custom_threshold',
    params: {
      criteria: [
        {
          comparator: '>',
          threshold: [10],
          warningThreshold: [5],
          timeSize: 5,
          timeUnit: 'm',
          metrics: [{ name: 'A', aggType: 'max', field: 'took' }],
        },
        { comparator: '>=', threshold: [1], timeSize: 1, timeUnit: 'h', metrics: [{ name: 'A', aggType: 'count' }] },
      ],
      searchConfiguration: kql(''),
    },
    status: 'exact',
    exprs: [
      `(max_over_time(${S} | took!="" | unwrap took | __error__="" [5m]) by () > 10) and (sum(count_over_time(${S} [1h])) >= 1)`,
      `(max_over_time(${S} | took!="" | unwrap took | __error__="" [5m]) by () > 5) and (sum(count_over_time(${S} [1h])) >= 1)`,
    ],
  },
  {
    name: 'errors of transactions',
    type: 'apm.transaction_error_rate',
    params: {
      serviceName: 'cart',
      transactionType: 'request',
      environment: 'ENVIRONMENT_ALL',
      windowSize: 5,
      windowUnit: 'm',
      threshold: 30,
    },
    status: 'approximate',
    exprs: [
      '(100 * sum by (service_name, deployment_environment) (rate(traces_span_metrics_calls_total{service_name="cart", span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER", status_code="STATUS_CODE_ERROR"}[5m])) / sum by (service_name, deployment_environment) (rate(traces_span_metrics_calls_total{service_name="cart", span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"}[5m]))) >= 30',
    ],
  },
  {
    name: 'number of errors',
    type: 'apm.error_rate',
    params: { serviceName: 'cart', windowSize: 1, windowUnit: 'h', threshold: 25, groupBy: ['service.name'] },
    status: 'approximate',
    exprs: [
      'sum by (service_name) (increase(traces_span_metrics_calls_total{service_name="cart", span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER", status_code="STATUS_CODE_ERROR"}[1h])) >= 25',
    ],
  },
  {
    name: 'duration of transactions',
    type: 'apm.transaction_duration',
    params: { serviceName: 'cart', windowSize: 5, windowUnit: 'm', threshold: 1500, aggregationType: '95th', groupBy: ['service.name'] },
    status: 'approximate',
    exprs: [
      'histogram_quantile(0.95, sum by (le, service_name) (rate(traces_span_metrics_duration_milliseconds_bucket{service_name="cart", span_kind=~"SPAN_KIND_SERVER|SPAN_KIND_CONSUMER"}[5m]))) > 1500',
    ],
  },
  {
    name: 'burn rate with its SLO',
    type: 'slo.rules.burnRate',
    params: {
      sloId: 's1',
      windows: [
        {
          burnRateThreshold: 14.4,
          longWindow: { value: 1, unit: 'h' },
          shortWindow: { value: 5, unit: 'm' },
          actionGroup: 'slo.burnRate.alert',
        },
      ],
    },
    objects: [
      {
        id: 'x',
        type: 'slo',
        attributes: {
          id: 's1',
          indicator: { type: 'sli.kql.custom', params: { index: 'logs-*', good: 'status < 500', total: '', filter: '' } },
          objective: { target: 0.99 },
        },
      },
    ],
    status: 'approximate',
    exprs: [
      `((1 - (sum(count_over_time(${S} | status < 500 [1h])) or 0 * sum(count_over_time(${S} [1h]))) / sum(count_over_time(${S} [1h]))) > 0.144) and ((1 - (sum(count_over_time(${S} | status < 500 [5m])) or 0 * sum(count_over_time(${S} [5m]))) / sum(count_over_time(${S} [5m]))) > 0.144)`,
    ],
  },
  { name: 'burn rate alone', type: 'slo.rules.burnRate', params: { sloId: 's1', windows: [{}] }, status: 'manual', exprs: [] },
  { name: 'a monitor', type: 'xpack.synthetics.alerts.monitorStatus', params: {}, status: 'manual', exprs: ['probe_success == 0'] },
  { name: 'machine learning', type: 'xpack.ml.anomaly_detection_alert', params: {}, status: 'unsupported', exprs: [] },
  { name: 'anomalies', type: 'apm.anomaly', params: {}, status: 'unsupported', exprs: [] },
  { name: 'security', type: 'siem.queryRule', params: {}, status: 'unsupported', exprs: [] },
  { name: 'places', type: '.geo-containment', params: {}, status: 'unsupported', exprs: [] },
]
