/** Asks the old collector what a service is to be told, over HTTP or gRPC. Rule J-M15. */

import { bodyText } from './body.ts'
import type { SamplingStrategy } from './strategies.ts'
import { serviceToProto, strategyFromJson, strategyFromProto } from './wire.ts'

export interface Upstream {
  /** Rejects when the collector does not answer in time or not with a strategy. */
  ask(service: string): Promise<SamplingStrategy>
  close(): void
}

const maxAnswerBytes = 4 * 2 ** 20
const method = '/jaeger.api_v2.SamplingManager/GetSamplingStrategy'

async function askHttp(base: string, service: string, timeoutMs: number): Promise<SamplingStrategy> {
  const url = new URL(base)
  url.searchParams.set('service', service)
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })
  const text = await bodyText(answer, maxAnswerBytes)
  if (answer.status !== 200) throw new Error(`HTTP ${answer.status}: ${text.trim().slice(0, 200)}`)
  const strategy = strategyFromJson(JSON.parse(text))
  if (strategy === undefined) throw new Error('the answer is not a sampling strategy')
  return strategy
}

/** The way to an `upstream` URL; a gRPC connection is opened on first use. */
export async function connectUpstream(url: string, timeoutMs: number): Promise<Upstream> {
  if (/^https?:/i.test(url)) return { ask: (service) => askHttp(url, service, timeoutMs), close() {} }
  const { Client, credentials } = await import('@grpc/grpc-js')
  const { host, protocol } = new URL(url)
  const secure = protocol.toLowerCase() === 'grpcs:'
  const client = new Client(host.includes(':') ? host : `${host}:14250`, secure ? credentials.createSsl() : credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxAnswerBytes,
  })
  const same = (bytes: Buffer): Buffer => bytes
  return {
    ask: (service) =>
      new Promise((resolve, reject) => {
        const request = Buffer.from(serviceToProto(service))
        client.makeUnaryRequest(method, same, same, request, { deadline: Date.now() + timeoutMs }, (error, bytes) => {
          if (error !== null) return reject(error)
          try {
            resolve(strategyFromProto(bytes ?? new Uint8Array()))
          } catch (fault) {
            reject(fault)
          }
        })
      }),
    close: () => client.close(),
  }
}
