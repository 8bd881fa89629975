/** What senders of `_bulk` may throw at the bridge: large, deep, wide and broken bodies, against a bridge in a process of its own. */

import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Live, startLive } from './support/live.ts'
import { type Sink, startSink } from './support/sink.ts'
import { eventually, expectBooksToBalance, type Range, under } from './support/throw.ts'
import { post, type Reply, raw } from './support/wire.ts'

const ndjson = { 'content-type': 'application/x-ndjson' }
const mebi = 2 ** 20

let live: Live
let sink: Sink
let range: Range
let marks = 0

beforeAll(async () => {
  sink = await startSink()
  live = await startLive(sink.url)
  range = { live, sink, sent: new Set() }
})

afterAll(async () => {
  const code = await live?.stop()
  await sink?.close()
  expect(code, live?.output().slice(-2000)).toBe(0)
})

const action = '{"create":{"_index":"logs"}}\n'
const lines = (...all: readonly string[]): string => all.map((one) => `${one}\n`).join('')

interface Item {
  readonly status: number
  readonly error?: { readonly type: string; readonly reason: string }
}

const itemsOf = (reply: Reply): Item[] =>
  (JSON.parse(reply.text) as { items: Record<string, Item>[] }).items.flatMap((item) => Object.values(item))

const bulk = (body: string | Uint8Array, headers: Record<string, string> = ndjson, path = '/_bulk', to = live): Promise<Reply> =>
  post(to.ports.elasticsearch, path, headers, body)

const arrives = async (bodies: readonly string[]): Promise<void> => {
  await eventually(() => bodies.every((body) => sink.bodies.get(body) === 1))
  expect(bodies.map((body) => [body, sink.bodies.get(body)])).toEqual(bodies.map((body) => [body, 1]))
}

/** A bridge of its own: memory that another request has freed is not given back to the system, and would hide what this one takes. */
async function alone(settings: readonly string[], act: (own: Live, ownSink: Sink) => Promise<void>): Promise<void> {
  const ownSink = await startSink()
  const own = await startLive(ownSink.url, settings)
  try {
    await act(own, ownSink)
    // The endpoint reads every record with a library of others, which takes its time.
    await eventually(async () => (await own.books()).every((one) => one.queued === 0), 90_000)
    await expectBooksToBalance({ live: own, sink: ownSink, sent: new Set() })
    expect(await own.stop()).toBe(0)
  } finally {
    await own.stop()
    await ownSink.close()
  }
}

/** Resident memory may rise by so many MiB meanwhile. */
async function rising(own: Live, riseMiB: number, act: () => Promise<void>): Promise<void> {
  own.resetPeak()
  const before = own.residentBytes()
  await act()
  expect((own.peakBytes() - before) / mebi, `from ${(before / mebi).toFixed(0)} MiB`).toBeLessThan(riseMiB)
}

/** A bad document between two good ones: it costs itself alone. */
async function between(document: string | Uint8Array, status: number): Promise<Item> {
  const [before, after] = [`before ${++marks}`, `after ${marks}`]
  const body = Buffer.concat([
    Buffer.from(`${action}{"message":"${before}"}\n${action}`),
    typeof document === 'string' ? Buffer.from(document) : document,
    Buffer.from(`\n${action}{"message":"${after}"}\n`),
  ])
  let found: Item | undefined
  await under(range, 64, async () => {
    const reply = await bulk(body)
    expect(reply.status, reply.text.slice(0, 500)).toBe(200)
    const items = itemsOf(reply)
    expect(items.map((item) => item.status)).toEqual([201, status, 201])
    found = items[1]
    await arrives([before, after])
  })
  return found as Item
}

describe('a document that', () => {
  it.each<[string, string | Uint8Array]>([
    ['nests 10,000 deep', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
    ['nests lists 100,000 deep', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    ['has 100,000 fields', `{${Array.from({ length: 100_000 }, (_, at) => `"key${at}":${at}`).join()}}`],
    ['has 10 million values in a list', `{"a":[${'1,'.repeat(10_000_000)}1]}`],
    ['is cut off', '{"message":"a'],
    ['is followed by another', '{"message":"a"}{"message":"b"}'],
    ['ends with a comma', '{"message":"a",}'],
    ['holds NaN', '{"a":NaN}'],
    ['holds a comment', '{"a":1/*x*/}'],
    ['is a list', '[1,2]'],
    ['is a number', '7'],
    ['is not UTF-8', Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d])],
    ['holds a control character', '{"a":"\u0001"}'],
    ['is NUL', '\0'],
  ])('%s is refused alone', async (_what, document) => {
    const { error } = await between(document, 400)
    expect([error?.type, (error?.reason ?? '').length < 2000]).toEqual(['document_parsing_exception', true])
  })

  it.each([
    ['names what objects have already', '{"__proto__":{"polluted":1},"constructor":{"prototype":{"a":1}},"toString":"x"}'],
    ['has a field nested and dotted', '{"a.b":1,"a":{"b":2},"a.b.c":3,"a":4}'],
    [
      'has numbers that nothing holds',
      '{"a":1e400,"b":18446744073709551616,"c":-0,"d":-0.0,"e":1e-400,"f":123456789012345678901234567890}',
    ],
    ['has times of all kinds', '{"@timestamp":[1e300,"yesterday",null],"timestamp":-1,"time":{"a":1},"ts":9223372036854775807999}'],
    ['has lone surrogates', '{"a":"\\ud800","\\udfff":"b"}'],
    ['is empty', '{}'],
    ['has 300 index names', `{"message":"x","data_stream":{"type":"${'t'.repeat(5000)}"}}`],
    ['has a script', '{"script":{"source":"java.lang.Runtime.getRuntime().exec(\'id\')"},"pipeline":"p"}'],
    ['is of 15 MB', `{"message":"${'x'.repeat(15_000_000)}"}`],
  ])('%s is taken', async (what, document) => {
    if (!what.includes('15 MB')) await between(document, 201)
    else expect(itemsOf(await bulk(`${action}${document}\n`))[0]?.status).toBe(201)
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })

  it('is of 50 MB is refused alone, and is never in memory', () =>
    alone([], (own, ownSink) =>
      rising(own, 90, async () => {
        const reply = await bulk(
          Buffer.concat([
            Buffer.from(`${action}{"message":"before 50 MB"}\n${action}{"message":"`),
            Buffer.alloc(50_000_000, 'x'),
            Buffer.from(`"}\n${action}{"message":"after 50 MB"}\n`),
          ]),
          ndjson,
          '/_bulk',
          own,
        )
        expect(itemsOf(reply).map(({ status }) => status)).toEqual([201, 400, 201])
        await eventually(() => ownSink.bodies.size === 2)
        expect([...ownSink.bodies.keys()].sort()).toEqual(['after 50 MB', 'before 50 MB'])
      }),
    ))
})

describe('an index of the name', () => {
  it.each(['..', '.', '_all', '-a', 'A', 'a b', 'a/b', 'a*', 'x'.repeat(300), '\u00c4', 'a#b', ''])('%s is refused alone', async (name) => {
    const mark = `index ${++marks}`
    const reply = await bulk(
      lines(JSON.stringify({ create: { _index: name } }), '{}', '{"create":{"_index":"logs"}}', `{"message":"${mark}"}`),
    )
    expect(itemsOf(reply).map(({ status }) => status)).toEqual([400, 201])
    await arrives([mark])
  })

  it.each(['<log-{now/d}>', 'log-2026.01.02', '\u00e4'])('%s is taken', async (name) => {
    const reply = await bulk(lines(JSON.stringify({ create: { _index: name } }), '{}'))
    expect(itemsOf(reply).map(({ status }) => status)).toEqual([201])
  })

  it('each action has one of its own: 50,000 of them', async () => {
    await under(range, 120, async () => {
      const parts: string[] = []
      for (let at = 0; at < 50_000; at++) parts.push(`{"create":{"_index":"index-${at}"}}\n{"a":1}\n`)
      const reply = await bulk(parts.join(''), ndjson, '/_bulk?filter_path=errors')
      expect(reply.text).toBe('{"errors":false}')
    })
  })
})

describe('a request', () => {
  it.each([
    ['two actions on a line', '{"create":{"_index":"i"}}{"create":{"_index":"i"}}\n{}\n', 200],
    ['an action of 100,000 levels', `{"create":{"_source":${'['.repeat(100_000)}}}\n{}\n`, 400],
    ['an action of 1 MB', `{"create":{"_index":"${'i'.repeat(1_000_000)}"}}\n{}\n`, 400],
    ['an id of 1 MB', `{"create":{"_index":"i","_id":"${'i'.repeat(1_000_000)}"}}\n{}\n`, 400],
    ['100,000 keys in an action', `{"create":{${Array.from({ length: 100_000 }, (_, at) => `"k${at}":1`).join()}}}\n{}\n`, 400],
    ['no line feed anywhere', 'x'.repeat(3_000_000), 400],
    ['zeros', Buffer.alloc(3_000_000), 400],
  ])('of %s is answered', async (_what, body, status) => {
    await under(range, 64, async () => {
      const reply = await bulk(body)
      expect([reply.status, reply.text.length < 10_000_000, reply.headers['x-elastic-product']]).toEqual([status, true, 'Elasticsearch'])
    })
  })

  it.each(['**', '*'.repeat(5000), `${'a.'.repeat(2000)}b`, '-**', ',,,', '\\', 'items.*.*.*.*.*.**.**.**.x', '%00'])(
    'with the filter_path %s is answered in a moment',
    async (filter) => {
      const startedAt = performance.now()
      const reply = await bulk(lines(action.trim(), '{}').repeat(1000), ndjson, `/_bulk?filter_path=${filter}`)
      expect([reply.status, performance.now() - startedAt < 2000]).toEqual([200, true])
    },
  )

  it('with parameters, types and pipelines that nobody has heard of keeps its bounds', async () => {
    await under(range, 64, async () => {
      for (let at = 0; at < 2000; at++) {
        const headers = { 'content-type': `application/json; x=${at}`, accept: `a/${at}`, 'user-agent': `agent ${at}` }
        const path = `/i${at}/_bulk?p${at}=1&pipeline=p${at}&filter_path=f${at},errors`
        expect((await bulk('{"index":{}}\n{}\n', headers, path)).status).toBe(200)
      }
    })
    const series = [...(await live.metrics()).keys()].filter((name) => name.startsWith('otlp_bridge_elasticsearch_pipeline_ignored_total'))
    expect(series.length).toBeLessThanOrEqual(101)
  })

  it('of a 500 MB line is refused at 100 MiB', async () => {
    await under(range, 110, async () => {
      const head = `POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`
      const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(mebi, 'x'), Buffer.from('\r\n')])
      const said = await raw(
        live.ports.elasticsearch,
        [head, action.length.toString(16), '\r\n', action, '\r\n', ...Array(500).fill(chunk)],
        3000,
        1,
      )
      expect(said).toMatch(/^HTTP\/1.1 413 /)
    })
  })

  it('of a gzip bomb is refused: 3 MiB that become 3 GiB', async () => {
    const parts = [gzipSync(`${action}{"message":"`), ...Array(3000).fill(gzipSync(Buffer.alloc(mebi, 'x'), { level: 9 }))]
    const reply = await bulk(Buffer.concat(parts), { ...ndjson, 'content-encoding': 'gzip' })
    expect([reply.status, reply.text]).toEqual([413, ''])
    await under(range, 64, async () => {
      const again = await bulk(Buffer.concat(parts), { ...ndjson, 'content-encoding': 'gzip' })
      expect(again.status).toBe(413)
    })
  })

  it('of a small gzip bomb is refused, too', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * mebi, 'x'), { level: 9 })
    expect(bomb.length).toBeLessThan(mebi)
    await under(range, 64, async () => {
      expect((await bulk(bomb, { ...ndjson, 'content-encoding': 'gzip' })).status).toBeOneOf([400, 413])
    })
  })

  it.each([['of gzip in gzip'], ['of 1,000 gzip members'], ['of gzip and garbage']])('%s is answered', async (what) => {
    const one = gzipSync(`${action}{}\n`)
    const body = what.includes('in gzip')
      ? gzipSync(one)
      : what.includes('1,000')
        ? Buffer.concat(Array(1000).fill(one))
        : Buffer.concat([one, Buffer.from('garbage')])
    const reply = await bulk(body, { ...ndjson, 'content-encoding': 'gzip' })
    expect(reply.status).toBe(400)
  })

  it('cut at each of its bytes is refused, and nothing of it is taken', async () => {
    const body = `${action}{"message":"cut"}\n`
    for (let end = 0; end < body.length - 1; end++) {
      const reply = await bulk(body.slice(0, end))
      expect(reply.status, `cut at ${end}`).toBe(400)
    }
    expect(sink.bodies.get('cut')).toBeUndefined()
  })

  it('with lengths and chunks both, or chunks that are none, is not taken', async () => {
    const head = 'POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n'
    const smuggled = `${action}{"message":"smuggled"}\n`
    for (const rest of [
      `Content-Length: ${smuggled.length}\r\nTransfer-Encoding: chunked\r\n\r\n${smuggled}`,
      `Transfer-Encoding: xchunked\r\n\r\n${smuggled}`,
      `Transfer-Encoding: chunked\r\n\r\nzz\r\n${smuggled}\r\n0\r\n\r\n`,
      `Content-Length : ${smuggled.length}\r\n\r\n${smuggled}`,
    ]) {
      expect(await raw(live.ports.elasticsearch, [head + rest])).toMatch(/^HTTP\/1.1 (400|501)/)
    }
    expect(sink.bodies.get('smuggled')).toBeUndefined()
  })
})

describe('memory', () => {
  const documents = (bytes: number): Buffer => {
    const filler = 'abcdefghij klmnop qrstuv 0123456789 '.repeat(24)
    const parts: string[] = []
    for (let size = 0, at = 0; size < bytes; at++) {
      const one = `${action}{"@timestamp":"2026-01-02T03:04:05.${at % 1000}Z","message":"document","n":${at},"x":"${filler}"}\n`
      parts.push(one)
      size += one.length
    }
    return Buffer.from(parts.join(''))
  }

  const disk = ['queue.type=disk', 'queue.path=queue']

  it.each([
    ['a body of 100 MB', 1, 110],
    ['four bodies of 100 MB at once', 4, 180],
  ])('%s', { timeout: 180_000 }, (_what, count, riseMiB) => {
    const body = documents(100_000_000)
    return alone(disk, async (own) => {
      await bulk(`${action}{}\n`, ndjson, '/_bulk', own)
      await rising(own, riseMiB, async () => {
        const replies = await Promise.all(Array.from({ length: count }, () => bulk(body, ndjson, '/_bulk?filter_path=errors', own)))
        expect(replies.map(({ text }) => text)).toEqual(replies.map(() => '{"errors":false}'))
      })
    })
  })

  it('a million actions', { timeout: 180_000 }, () => {
    const parts: string[] = []
    for (let at = 0; at < 1_000_000; at++) parts.push(`{"create":{"_index":"i","_id":"id-${at}"}}\n{"a":${at}}\n`)
    return alone(disk, (own) =>
      rising(own, 260, async () => {
        const reply = await bulk(parts.join(''), ndjson, '/_bulk?filter_path=errors,items.*.status', own)
        expect([reply.status, reply.text.slice(0, 40), reply.text.length]).toEqual([
          200,
          '{"errors":false,"items":[{"create":{"sta',
          '{"errors":false,"items":[]}'.length + 1_000_000 * '{"create":{"status":201}},'.length - 1,
        ])
      }),
    )
  })
})

describe('after all of it', () => {
  it('the books balance, and every good item arrived once', () => expectBooksToBalance(range))
})
