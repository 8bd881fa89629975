/** Every way in which the real clients are run, and what is known of each before it runs. */

import type { Language } from './peers.ts'

export interface ClientRun {
  readonly title: string
  readonly language: Language
  /** Services of the two spans it sends: one by Zipkin, one by Jaeger. */
  readonly services: readonly [zipkin: string, jaeger: string]
  /** How its Jaeger half travels; `udp` names the agent port it is pointed at. */
  readonly jaeger: 'http' | 'compact' | 'binary'
  /** First bytes of its datagrams, in hex, where it sends any: protocol, version and message type. */
  readonly opening?: string
}

export const clientRuns: readonly ClientRun[] = [
  {
    title: 'py_zipkin, and jaeger-client-python over compact UDP',
    language: 'python',
    services: ['py-zipkin', 'py-jaeger'],
    jaeger: 'compact',
    opening: '8281',
  },
  { title: 'zipkin-js, and jaeger-client-node over HTTP', language: 'node', services: ['node-zipkin', 'node-jaeger'], jaeger: 'http' },
  {
    title: 'zipkin-js, and jaeger-client-node over binary UDP',
    language: 'node',
    services: ['node-zipkin', 'node-jaeger'],
    jaeger: 'binary',
    opening: '80010004',
  },
  {
    title: 'zipkin-js, and jaeger-client-node sending binary to the compact port',
    language: 'node',
    services: ['node-zipkin', 'node-jaeger'],
    jaeger: 'compact',
    opening: '80010004',
  },
  { title: 'zipkin-go, and jaeger-client-go over HTTP', language: 'go', services: ['go-zipkin', 'go-jaeger'], jaeger: 'http' },
  {
    title: 'zipkin-go, and jaeger-client-go over compact UDP',
    language: 'go',
    services: ['go-zipkin', 'go-jaeger'],
    jaeger: 'compact',
    opening: '8221',
  },
  { title: 'brave, and jaeger-client-java over HTTP', language: 'java', services: ['java-zipkin', 'java-jaeger'], jaeger: 'http' },
  {
    title: 'brave, and jaeger-client-java over compact UDP',
    language: 'java',
    services: ['java-zipkin', 'java-jaeger'],
    jaeger: 'compact',
    opening: '8281',
  },
]
