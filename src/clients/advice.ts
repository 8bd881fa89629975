/** What to do about a legacy client: the column beside it. */

const byLibrary: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [
    /^jaeger-client-/,
    'The library is no longer maintained: replace it by the OpenTelemetry SDK of its language, or keep it and the bridge.',
  ],
  [/^opentelemetry/, 'Has an OpenTelemetry SDK already: give it the OTLP exporter instead of the one for Jaeger or Zipkin.'],
  [/^zipkin-reporter/, 'Brave: add zipkin-reporter’s OTLP encoder, or move to Micrometer or the OpenTelemetry SDK with an OTLP exporter.'],
  [/^(zipkin-|py_zipkin)/, 'Replace it by the OpenTelemetry SDK of its language, with an OTLP exporter.'],
  [/^Envoy/, 'Configure its OpenTelemetry tracer instead of the one for Zipkin.'],
  [/^Prometheus/, 'Point `remote_write` at the new store, or send OTLP through an OpenTelemetry Collector.'],
  [/^(vmagent|Telegraf)/, 'Point its output at the new store, or give it an OTLP output.'],
  [/^Grafana (Agent|Alloy)/, 'Give it an `otelcol.exporter.otlp` instead of remote-write.'],
  [/^OpenTelemetry Collector/, 'Give it an `otlp` exporter.'],
  [/^(Filebeat|Beat$)/, 'Replace it by an OpenTelemetry Collector with the `filelog` receiver, or keep it and the bridge.'],
  [
    /^(Metricbeat|Heartbeat|Auditbeat|Packetbeat|Winlogbeat)/,
    'Replace it by an OpenTelemetry Collector with the receiver for the same data, or keep it and the bridge.',
  ],
  [/^APM Server/, 'Point agents at an OTLP endpoint: those of OpenTelemetry, or the Elastic distributions of it.'],
  [/^Logstash/, 'Give it an OTLP output, or replace the pipeline by an OpenTelemetry Collector.'],
  [/^(Fluent Bit|Fluentd)/, 'Give it an OpenTelemetry output (`opentelemetry`) instead of the one for Elasticsearch.'],
  [/^Vector/, 'Give it an `opentelemetry` sink.'],
  [/^syslog-ng/, 'Give it the `opentelemetry()` destination (version 4.4 and later).'],
  [/^rsyslog/, 'Send to an OpenTelemetry Collector with the `syslog` receiver.'],
  [
    /^(@elastic|elasticsearch-|go-elasticsearch|olivere|OpenSearch client)/,
    'Writes documents by itself: log through the OpenTelemetry SDK or to a file that a collector reads.',
  ],
  [/^logback-/, 'Use the OpenTelemetry appender for Logback.'],
]

/** The advice for a library; undefined when there is none but to look who it is. */
export function adviceFor(library: string): string | undefined {
  return byLibrary.find(([pattern]) => pattern.test(library))?.[1]
}
