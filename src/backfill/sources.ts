/** The sources of a back-fill, one line each: what they are called, and where they are. Loaded when they are asked for. */

import type { SourceKind } from './source-kind.ts'

interface Entry {
  /** One line for `--help` and the reference. */
  readonly summary: string
  load(): Promise<SourceKind>
}

export const sourceEntries: Readonly<Record<string, Entry>> = {
  'prometheus-tsdb': {
    summary: 'Blocks of Prometheus, Thanos or Mimir in a folder: a snapshot, a data folder.',
    load: async () => (await import('./sources/prometheus-tsdb.ts')).prometheusTsdb,
  },
  'jaeger-query': {
    summary: "Spans through Jaeger's query service, where its store is not open.",
    load: async () => (await import('./sources/jaeger-query.ts')).jaegerQuery,
  },
  'zipkin-api': {
    summary: "Spans through Zipkin's query API, where its store is not open.",
    load: async () => (await import('./sources/zipkin-api.ts')).zipkinApi,
  },
  'prometheus-remote-read': {
    summary: 'Samples of a Prometheus, Thanos or Mimir through remote-read: as they are stored.',
    load: async () => (await import('./sources/prometheus-remote-read.ts')).prometheusRemoteRead,
  },
  'prometheus-api': {
    summary: 'Samples through the query API of Prometheus, where nothing else is open.',
    load: async () => (await import('./sources/prometheus-api.ts')).prometheusApi,
  },
  kafka: {
    summary: 'A topic, from an offset or a time up to where it ends now.',
    load: async () => (await import('./sources/kafka.ts')).kafka,
  },
  files: {
    summary: 'Saved traces, documents and requests: JSON, NDJSON, captures; plain, gzip or zstd.',
    load: async () => (await import('./sources/files.ts')).files,
  },
  'jaeger-es': {
    summary: "Spans in Jaeger's indices of an Elasticsearch or OpenSearch.",
    load: async () => (await import('./sources/jaeger-es.ts')).jaegerEs,
  },
  'zipkin-es': {
    summary: "Spans in Zipkin's indices of an Elasticsearch or OpenSearch.",
    load: async () => (await import('./sources/zipkin-es.ts')).zipkinEs,
  },
  elasticsearch: {
    summary: 'Logs in indices and data streams of an Elasticsearch or OpenSearch.',
    load: async () => (await import('./sources/elasticsearch.ts')).elasticsearch,
  },
  'jaeger-cassandra': {
    summary: "Spans in a Jaeger's Cassandra; needs the package cassandra-driver.",
    load: async () => (await import('./sources/jaeger-cassandra.ts')).jaegerCassandra,
  },
  'zipkin-cassandra': {
    summary: "Spans in a Zipkin's Cassandra; needs the package cassandra-driver.",
    load: async () => (await import('./sources/zipkin-cassandra.ts')).zipkinCassandra,
  },
  'zipkin-mysql': {
    summary: "Spans in a Zipkin's MySQL or MariaDB; needs the package mysql2.",
    load: async () => (await import('./sources/zipkin-mysql.ts')).zipkinMysql,
  },
}
