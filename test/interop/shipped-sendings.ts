/** The client programs of the peers as they come: one Zipkin and one Jaeger span each. */

import type { Origin } from './differences.ts'
import { expectedOfJaegerHttp, expectedOfJaegerUdp, expectedOfZipkin } from './expected.ts'
import type { Receivers, Sent } from './paths.ts'
import { runClient } from './peers.ts'
import { type ClientRun, clientRuns } from './runs.ts'
import { teeHttp, teeUdp } from './tee.ts'

/** Without the one that sends binary to the compact port: Jaeger itself does not read it there. */
export const shippedSendings: readonly ClientRun[] = clientRuns.filter(({ title }) => !title.includes('binary to the compact'))

/** Runs it, tapped; writes down which trace is of which format. */
export async function shippedSending(run: ClientRun, receivers: readonly Receivers[], origins: Map<string, Origin>): Promise<Sent> {
  const zipkin = await teeHttp(receivers.map((one) => one.zipkin))
  const http = await teeHttp(receivers.map((one) => one.thriftHttp))
  const udp = await teeUdp(receivers.map((one) => (run.jaeger === 'binary' ? one.binary : one.compact)))
  await runClient(run.language, {
    zipkinUrl: `http://127.0.0.1:${zipkin.port}/api/v2/spans`,
    jaegerUrl: `http://127.0.0.1:${http.port}/api/traces`,
    ...(run.jaeger === 'http' ? {} : { agent: `127.0.0.1:${udp.port}` }),
  })
  await Promise.all([zipkin.close(), http.close(), udp.close()])
  const ofZipkin = expectedOfZipkin(zipkin.seen)
  const ofJaeger = [...expectedOfJaegerHttp(http.seen), ...expectedOfJaegerUdp(udp.seen)]
  for (const { traceId } of ofZipkin) origins.set(traceId, 'zipkin-v2')
  for (const { traceId } of ofJaeger) origins.set(traceId, 'jaeger-thrift')
  const spans = [...ofZipkin, ...ofJaeger]
  return { traceIds: spans.map(({ traceId }) => traceId), spans: spans.length, accepted: spans.length }
}
