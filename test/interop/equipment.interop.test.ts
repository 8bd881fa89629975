import { describe, expect, it } from 'vitest'
import { expectedOfJaegerHttp, expectedOfJaegerUdp, expectedOfZipkin } from './expected.ts'
import { present, runClient } from './peers.ts'
import { clientRuns } from './runs.ts'
import { teeHttp, teeUdp } from './tee.ts'

// Without a bridge: what the clients really send, and that this folder's own readers understand it. When this fails, distrust the others.
describe.each(clientRuns)('$title', ({ language, services, jaeger, opening }) => {
  it.skipIf(!present(language))('sends one Zipkin span and one Jaeger span', async () => {
    const zipkin = await teeHttp([])
    const http = await teeHttp([])
    const udp = await teeUdp([])
    const agent = jaeger === 'http' ? {} : { agent: `127.0.0.1:${udp.port}` }
    await runClient(language, {
      zipkinUrl: `http://127.0.0.1:${zipkin.port}/api/v2/spans`,
      jaegerUrl: `http://127.0.0.1:${http.port}/api/traces`,
      ...agent,
    })
    await Promise.all([zipkin.close(), http.close(), udp.close()])

    const spans = [...expectedOfZipkin(zipkin.seen), ...expectedOfJaegerHttp(http.seen), ...expectedOfJaegerUdp(udp.seen)]
    expect(spans.map(({ resource, name }) => [resource['service.name'], name])).toEqual(
      services.map((service) => [{ stringValue: service }, 'checkout']),
    )
    for (const { method, headers } of [...zipkin.seen, ...http.seen]) {
      expect(method).toBe('POST')
      expect(headers['content-type']).toMatch(/^application\/(json|x-thrift|vnd\.apache\.thrift\.binary)/)
    }
    expect(http.seen).toHaveLength(jaeger === 'http' ? 1 : 0)
    expect(udp.seen.map((datagram) => datagram.toString('hex', 0, (opening ?? '').length / 2))).toEqual(jaeger === 'http' ? [] : [opening])
  })
})
