/** Fills real stores with as many spans or log documents as are asked for: the same ones for the same number, over the thirty hours before now. */

import { randomFrom } from '../crash/support/random.ts'

const atOnce = 500
const together = 3
const spanOfTrace = 5

const hex = (random: () => number, digits: number): string => {
  let text = ''
  while (text.length < digits)
    text += Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  return text.slice(0, digits)
}

/** Sends one after the other, a few at a time; what is refused is sent again. */
async function sendBodies(url: string, type: string, count: number, bodyOf: (from: number, to: number) => string): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      const from = next
      next = Math.min(count, from + atOnce)
      const body = bodyOf(from, next)
      for (let left = 60; ; left--) {
        const reply = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body }).catch((error: unknown) => String(error))
        const text = typeof reply === 'string' ? reply : await reply.text()
        if (typeof reply !== 'string' && reply.ok && !text.includes('"errors":true')) break
        if (left === 0) throw new Error(`cannot fill ${url}: ${text.slice(0, 300)}`)
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
    }
  }
  await Promise.all(Array.from({ length: together }, worker))
}

const hourMs = 3_600_000

interface Moments {
  /** Of the item with this number, µs. */
  at(number: number): number
}

/** Whole µs from thirty hours ago to an hour ago. */
function momentsOf(count: number): Moments {
  const from = (Date.now() - 30 * hourMs) * 1000
  return { at: (number) => from + Math.floor((number / count) * 29 * hourMs * 1000) }
}

const services = Array.from({ length: 20 }, (_, at) => `shop-${at}`)
const one = <T>(random: () => number, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } })
const int = (key: string, value: number) => ({ key, value: { intValue: String(value) } })

/** Through Jaeger's OTLP/HTTP: traces of five spans, with tags of every type, logs, references and failures. */
export async function fillJaeger(otlp: string, count: number): Promise<void> {
  const random = randomFrom(count)
  const { at } = momentsOf(count)
  await sendBodies(`${otlp}/v1/traces`, 'application/json', count, (from, to) => {
    const resourceSpans: object[] = []
    let [trace, parent] = ['', '']
    for (let number = from; number < to; number++) {
      const place = number % spanOfTrace
      if (place === 0 || trace === '') [trace, parent] = [hex(random, 32), '']
      const id = hex(random, 16)
      const start = BigInt(at(number) + place) * 1000n
      const failed = random() < 0.03
      const service = one(random, services)
      const span = {
        traceId: trace,
        spanId: id,
        ...(parent === '' ? {} : { parentSpanId: parent }),
        name: `get /v${place}/items`,
        kind: (number % 5) + 1,
        startTimeUnixNano: String(start),
        endTimeUnixNano: String(start + BigInt(1000 + Math.floor(random() * 1e5)) * 1000n),
        attributes: [
          text('http.request.method', 'GET'),
          text('url.path', `/v${place}/items/${hex(random, 6)} "é"\n`),
          int('http.response.status_code', failed ? 500 : 200),
          { key: 'ratio', value: { doubleValue: random() } },
          { key: 'cached', value: { boolValue: random() < 0.5 } },
          { key: 'big', value: { intValue: '9223372036854775807' } },
        ],
        events:
          place === 2 ? [{ timeUnixNano: String(start + 500_000n), name: 'cache miss', attributes: [int('attempt', number % 4)] }] : [],
        status: failed ? { code: 2, message: 'it broke' } : {},
      }
      resourceSpans.push({
        resource: { attributes: [text('service.name', service), text('host.name', `${service}-host`)] },
        scopeSpans: [{ scope: { name: 'shop', version: '1.2' }, spans: [span] }],
      })
      parent = id
    }
    return JSON.stringify({ resourceSpans })
  })
}

/** Zipkin v2 JSON: traces of five spans; of a client and its server that share an id both are there. */
export async function fillZipkin(zipkin: string, count: number, path = '/api/v2/spans'): Promise<void> {
  const random = randomFrom(count + 1)
  const { at } = momentsOf(count)
  await sendBodies(`${zipkin}${path}`, 'application/json', count, (from, to) => {
    const spans: object[] = []
    let [trace, parent] = ['', '']
    for (let number = from; number < to; number++) {
      const place = number % spanOfTrace
      if (place === 0 || trace === '') [trace, parent] = [hex(random, 32), '']
      const shared = place === 3
      const id = shared && parent !== '' ? parent : hex(random, 16)
      const timestamp = at(number) + place
      spans.push({
        traceId: trace,
        id,
        ...(parent === '' || shared ? {} : { parentId: parent }),
        ...(shared ? { shared: true } : {}),
        kind: place % 2 === 0 ? 'CLIENT' : 'SERVER',
        name: `get /v${place}/items`,
        timestamp,
        duration: 1 + Math.floor(random() * 1e5),
        localEndpoint: { serviceName: one(random, services), ipv4: '10.0.0.7', port: 80 },
        ...(place % 2 === 0 ? { remoteEndpoint: { serviceName: 'db', ipv4: '10.0.0.9', port: 5432 } } : {}),
        annotations: place === 2 ? [{ timestamp: timestamp + 500, value: 'cache miss' }] : [],
        tags: {
          'http.method': 'GET',
          'http.path': `/v${place}/items/${hex(random, 6)} "é"`,
          'http.status_code': random() < 0.02 ? '500' : '200',
          ...(random() < 0.02 ? { error: 'boom' } : {}),
        },
      })
      parent = id
    }
    return JSON.stringify(spans)
  })
}

/** A log document that has fields of every kind. @param ms its time */
export function logDocument(number: number, ms: number, random: () => number) {
  return {
    '@timestamp': new Date(ms).toISOString(),
    message: `request ${number} took ${Math.floor(random() * 900)} ms for "user" ${hex(random, 8)} é`,
    log: { level: one(random, ['info', 'warn', 'error', 'debug']) },
    service: { name: one(random, services) },
    host: { name: `node-${Math.floor(random() * 9)}` },
    http: { request: { method: 'GET', bytes: Math.floor(random() * 1e6) }, response: { status_code: 200 } },
    trace: { id: hex(random, 32) },
    number,
    ratio: random(),
    cached: random() < 0.5,
    path: ['a', 'b'],
  }
}

/** Log documents over daily indices, by `_bulk`. */
export async function fillLogs(elasticsearch: string, count: number, index = 'app-logs'): Promise<void> {
  const random = randomFrom(count + 2)
  const { at } = momentsOf(count)
  await sendBodies(`${elasticsearch}/_bulk`, 'application/x-ndjson', count, (from, to) => {
    const lines: string[] = []
    for (let number = from; number < to; number++) {
      const document = logDocument(number, Math.floor(at(number) / 1000), random)
      lines.push(JSON.stringify({ create: { _index: `${index}-${document['@timestamp'].slice(0, 10)}` } }), JSON.stringify(document))
    }
    return `${lines.join('\n')}\n`
  })
}
