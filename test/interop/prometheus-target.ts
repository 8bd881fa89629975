/**
 * A program to be scraped whose numbers the test decides: a histogram of every kind of text, exemplars, counters that start again, series
 * and whole targets that go.
 */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Target {
  /** `host:port`, as a scrape configuration has it. */
  readonly target: string
  /** The process starts again: all counters from 0. */
  restart(): void
  /** Part of the series is not shown any more, and a new one is. */
  vanish(): void
  /** No longer answers; the port stays its own. */
  down(): void
  up(): void
  stop(): Promise<void>
}

const bounds = [0.005, 0.05, 0.5, 1, 2.5, 10] as const

/** Observations of one histogram, cumulative. */
class Latency {
  readonly buckets: number[] = bounds.map(() => 0)
  count = 0
  sum = 0
  last = 0.001

  observe(value: number): void {
    bounds.forEach((bound, index) => {
      if (value <= bound) this.buckets[index] = (this.buckets[index] ?? 0) + 1
    })
    this.count += 1
    this.sum += value
    this.last = value
  }

  lines(name: string, labels: string, exemplar: string): string[] {
    let marked = false
    const cumulative = [...bounds.map((bound, index) => [String(bound), this.buckets[index] ?? 0] as const), ['+Inf', this.count] as const]
    return [
      ...cumulative.map(([le, value]) => {
        const here = !marked && this.last <= (le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le))
        marked ||= here
        return `${name}_bucket{${labels},le="${le}"} ${value}${here && this.count > 0 ? ` # {${exemplar}} ${this.last}` : ''}`
      }),
      `${name}_sum{${labels}} ${this.sum}`,
      `${name}_count{${labels}} ${this.count}`,
    ]
  }
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

/** Starts it on a free port. What it shows grows with each scrape, whoever scrapes: all see another moment of the same. */
export async function startTarget(): Promise<Target> {
  let scrapes = 0
  let answers = true
  let vanished = false
  let started = Date.now() / 1000
  let requests = 0
  let latencies = new Map([
    ['/', new Latency()],
    ['/cart', new Latency()],
    ['/pay', new Latency()],
  ])
  let rpc = { count: 0, sum: 0 }
  const begin = (): void => {
    started = Date.now() / 1000
    requests = 0
    latencies = new Map([...latencies.keys()].map((path) => [path, new Latency()]))
    rpc = { count: 0, sum: 0 }
  }

  const text = (): string => {
    scrapes += 1
    requests += 3 + (scrapes % 5)
    for (const [path, latency] of latencies)
      for (let each = 0; each < 4; each++) latency.observe(((scrapes * 7 + each * 13 + path.length * 3) % 97) / 8)
    rpc = { count: rpc.count + 2, sum: rpc.sum + (scrapes % 11) / 4 }
    const exemplar = `trace_id="${hex(scrapes * 7919, 32)}",span_id="${hex(scrapes * 104729, 16)}",who="test"`
    const quantile = (q: number): string => (scrapes % 9 === 0 ? 'NaN' : String(q * (1 + (scrapes % 4))))
    const odd = ['NaN', '+Inf', '-Inf', '-0', '1e-320', '1.7976931348623157e308', '0.1'][scrapes % 7]
    const summary = (name: string): string[] => [
      `# TYPE ${name} summary`,
      ...[0, 0.5, 0.99, 1].map((q) => `${name}{kind="a",quantile="${q}"} ${quantile(q)}`),
      `${name}_sum{kind="a"} ${rpc.sum}`,
      `${name}_count{kind="a"} ${rpc.count}`,
    ]
    const histogram = (name: string): string[] => [
      `# TYPE ${name} histogram`,
      ...[...latencies].flatMap(([path, latency]) => latency.lines(name, `path="${path}"`, exemplar)),
    ]
    return [
      '# TYPE target info',
      'target_info{env="test",version="1.2.3"} 1',
      '# TYPE app_build info',
      'app_build_info{revision="abc"} 1',
      '# TYPE app_mode stateset',
      `app_mode{app_mode="calm"} ${scrapes % 2}`,
      `app_mode{app_mode="busy"} ${1 - (scrapes % 2)}`,
      '# TYPE app_requests counter',
      `app_requests_total{path="/",code="200"} ${requests} # {${exemplar}} 1`,
      `app_requests_total{path="/",code="500"} ${Math.floor(requests / 3)}`,
      `app_requests_created{path="/",code="200"} ${started}`,
      '# TYPE app_odd gauge',
      `app_odd ${odd}`,
      `app_odd{utf8="größe ✓",quote="a\\"b\\\\c"} ${scrapes}`,
      '# TYPE app_untyped unknown',
      `app_untyped ${scrapes}`,
      // Typed as counter, but its name does not say so; counts like an own histogram's, but is none.
      '# TYPE app_machine_count gauge',
      `app_machine_count ${1 + (scrapes % 3)}`,
      ...histogram('app_latency_seconds'),
      ...summary('app_rpc_seconds'),
      ...(vanished
        ? ['# TYPE app_arrived gauge', `app_arrived ${scrapes}`, ...summary('app_arrived_seconds'), ...histogram('app_arrived_bytes')]
        : ['# TYPE app_leaving gauge', `app_leaving ${scrapes}`, ...summary('app_leaving_seconds'), ...histogram('app_leaving_bytes')]),
      '# EOF',
      '',
    ].join('\n')
  }

  const server = createServer((request, reply) => {
    if (!answers) {
      request.socket.destroy()
      return
    }
    reply.writeHead(200, { 'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8' }).end(text())
  })
  server.listen(0, '127.0.0.1')
  await new Promise((settle) => server.once('listening', settle))
  const { port } = server.address() as AddressInfo
  return {
    target: `127.0.0.1:${port}`,
    restart: begin,
    vanish() {
      vanished = true
      latencies.set('/new', new Latency())
    },
    down() {
      answers = false
    },
    up() {
      answers = true
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((settle) => server.close(settle))
    },
  }
}
