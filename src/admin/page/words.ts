/** What things are called on the page. */

import type { MirrorState } from '../api.ts'

export type Phase = MirrorState['phase']

const names: Readonly<Record<string, string>> = {
  zipkin: 'Zipkin',
  'jaeger.http': 'Jaeger over HTTP',
  'jaeger.grpc': 'Jaeger over gRPC',
  'jaeger.compact': 'Jaeger agent, compact',
  'jaeger.binary': 'Jaeger agent, binary',
  'jaeger.zipkin': 'Jaeger agent, Zipkin',
  prometheus: 'Remote-write',
  elasticsearch: 'Elasticsearch',
  beats: 'Beats',
  otlp: 'OTLP',
  kafka: 'Kafka',
}

/** `ingest.jaeger.http` → `Jaeger over HTTP`; a name that is not known is shown as it is. */
export function endpointName(id: string): string {
  const name = id.replace(/^ingest\./, '')
  return names[name] ?? name
}

export const phaseOrder: readonly Phase[] = ['shadow', 'dual', 'new-primary', 'new-only']

interface PhaseWords {
  readonly says: string
  /** What happens on the way there. */
  readonly enter: string
}

export const phaseWords: Readonly<Record<Phase, PhaseWords>> = {
  shadow: {
    says: 'The old side must have everything; the new side may.',
    enter: 'Clients get the answer of the old side again. If the new side takes nothing, they do not notice.',
  },
  dual: {
    says: 'Both sides must have everything.',
    enter: 'Clients are told of success only when both sides have their data in a queue.',
  },
  'new-primary': {
    says: 'The new side must have everything; the old side gets its share.',
    enter: 'People rely on the new side from now on. If the old side takes nothing, clients do not notice.',
  },
  'new-only': {
    says: 'The old side gets nothing.',
    enter: 'The old side gets nothing any more. What comes in from now on is missing there.',
  },
}

export const nextPhase = (phase: Phase): Phase | undefined => phaseOrder[phaseOrder.indexOf(phase) + 1]
export const phaseBefore = (phase: Phase): Phase | undefined => phaseOrder[phaseOrder.indexOf(phase) - 1]

/** How to send one item by hand. @param address where the endpoint listens; empty when it listens nowhere */
export function tryIt(id: string, addresses: string): string | undefined {
  const address = addresses.split(', ')[0] ?? ''
  const name = id.replace(/^ingest\./, '')
  if (name === 'zipkin') {
    return `curl ${address}/api/v2/spans -H 'Content-Type: application/json' \\\n  -d '[{"traceId":"5af7183fb1d4cf5f5af7183fb1d4cf5f","id":"352bff9a74ca9ad2","name":"hello","timestamp":'$(date +%s)'000000,"duration":1000,"localEndpoint":{"serviceName":"try"}}]'`
  }
  if (name === 'elasticsearch') {
    return `curl ${address}/_bulk -H 'Content-Type: application/x-ndjson' \\\n  -d $'{"create":{"_index":"logs-try-default"}}\\n{"@timestamp":"'$(date -u +%FT%TZ)'","message":"hello"}\\n'`
  }
  if (name === 'prometheus') return `# prometheus.yml\nremote_write:\n  - url: ${address}/api/v1/write`
  if (name === 'jaeger.http') return `export JAEGER_ENDPOINT=${address}/api/traces`
  if (name === 'beats') return `# filebeat.yml\noutput.logstash:\n  hosts: ["${address.replace(/^\w+:\/\//, '')}"]`
  return undefined
}
