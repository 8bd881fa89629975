import { describe, expect, it } from 'vitest'
import { type CqlClient, cqlFault, createCassandraStore, FetchSize } from '../../../src/backfill/sources/cassandra-store.ts'
import { never } from '../support/source-deps.ts'

/** As the driver throws it. */
const response = (code: number, message = 'no'): Error => Object.assign(new Error(message), { name: 'ResponseError', code })
const named = (name: string, more: object = {}): Error => Object.assign(new Error(name), { name, ...more })

type Answer = Error | { readonly rows: readonly object[]; readonly pageState?: string }

function serve(answers: readonly Answer[]) {
  const asked: { readonly fetchSize: unknown; readonly pageState: unknown }[] = []
  const waits: number[] = []
  const distress: string[] = []
  const client = {
    async execute(_query: string, _values: unknown, options: { fetchSize?: number; pageState?: string }) {
      asked.push({ fetchSize: options.fetchSize, pageState: options.pageState })
      const answer = answers[Math.min(asked.length, answers.length) - 1]
      if (answer instanceof Error) throw answer
      return answer
    },
    shutdown: async () => undefined,
    hosts: { values: () => [{}, {}] },
  } as unknown as CqlClient
  const store = createCassandraStore(client, 'cassandra://c:9042', (digits) => ({ high: 0, low: Number(digits) }), {
    sleep: async (ms) => void waits.push(ms),
    distress: (reason) => void distress.push(reason),
  })
  return { store, asked, waits, distress }
}

const question = { query: 'SELECT a FROM k.t', values: [] }
const rows = { rows: [{ a: 1 }] }

describe('cqlFault', () => {
  it.each([
    ['a coordinator without replicas', response(0x1000), 'wait'],
    ['an overloaded one', response(0x1001), 'wait'],
    ['a replica that is late', response(0x1200), 'slow'],
    ['too many tombstones', response(0x1300), 'failing'],
    ['no table any more', response(0x2200, 'unconfigured table traces'), 'vanished'],
    ['a user without rights', response(0x2100), 'unauthorised'],
    ['a syntax error', response(0x2000), 'fatal'],
    ['our own patience', named('OperationTimedOutError'), 'slow'],
    ['a broken connection', named('Error', { code: 'ECONNRESET' }), 'wait'],
    ['no node at all', named('NoHostAvailableError', { innerErrors: { a: named('Error', { code: 'ECONNREFUSED' }) } }), 'wait'],
    ['a wrong password', named('NoHostAvailableError', { innerErrors: { a: named('AuthenticationError') } }), 'unauthorised'],
    ['a fault of ours', new TypeError('x is not a function'), 'fatal'],
  ])('knows %s', (_, error, kind) => {
    expect(cqlFault(error, false).kind).toBe(kind)
  })

  it('takes what is said about a page state for that of the state alone', () => {
    expect(cqlFault(response(0x000a), true).kind).toBe('state')
    expect(cqlFault(response(0x000a), false).kind).toBe('failing')
  })
})

describe('createCassandraStore', () => {
  it('waits out what passes, for ever, and says so', async () => {
    const { store, waits, distress } = serve([...Array.from({ length: 20 }, () => response(0x1001)), rows])
    expect((await store.ask(question, undefined, new FetchSize(), 'k.t', never))?.rows).toEqual(rows.rows)
    expect(waits).toHaveLength(20)
    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000)
    expect(new Set(distress)).toEqual(new Set(['overloaded']))
  })

  it('asks for fewer rows after each time-out', async () => {
    const { store, asked } = serve([response(0x1200), named('OperationTimedOutError'), rows])
    await store.ask(question, undefined, new FetchSize(), 'k.t', never)
    expect(asked.map(({ fetchSize }) => fetchSize)).toEqual([200, 100, 50])
  })

  it('gives up what keeps failing, and names the table', async () => {
    const { store, asked } = serve([response(0x1300, 'tombstones')])
    await expect(store.ask(question, undefined, new FetchSize(), 'k.t', never)).rejects.toMatchObject({
      code: 'OB_SOURCE',
      place: 'k.t',
      message: 'source_error: cannot read k.t: tombstones',
    })
    expect(asked).toHaveLength(5)
  })

  it.each([
    ['vanished', response(0x2200, 'unconfigured table t')],
    ['unauthorised', response(0x2100)],
  ])('ends the slice at once: %s', async (word, error) => {
    const { store } = serve([error])
    await expect(store.ask(question, undefined, new FetchSize(), 'k.t', never)).rejects.toThrow(`${word}: cannot read k.t`)
  })

  it('says when its page state is known no more', async () => {
    const { store } = serve([response(0x000a, 'invalid paging state')])
    expect(await store.ask(question, 'aa', new FetchSize(), 'k.t', never)).toBeUndefined()
  })

  it('stops between two tries', async () => {
    const { store } = serve([response(0x1001)])
    const abort = new AbortController()
    abort.abort()
    await expect(store.ask(question, undefined, new FetchSize(), 'k.t', abort.signal)).rejects.toMatchObject({ code: 'OB_STOPPING' })
  })

  it('adds up what nodes think there is, and guesses the rest from those that answer', async () => {
    const size = { rows: [{ mean_partition_size: { toString: () => '100' }, partitions_count: '30' }] }
    expect(await serve([size]).store.estimate('k', 't')).toEqual({ partitions: 60, bytes: 6000 })
    expect(await serve([size, new Error('down')]).store.estimate('k', 't')).toEqual({ partitions: 60, bytes: 6000 })
  })
})

describe('FetchSize', () => {
  it('goes by the bytes of rows, and comes back slowly after a time-out', () => {
    const size = new FetchSize()
    size.learn(200, 200 * 1024 * 1024)
    expect(size.rows).toBe(4)
    while (size.halve());
    expect(size.rows).toBe(1)
    size.learn(1, 10)
    expect(size.rows).toBe(2)
    for (let i = 0; i < 20; i++) size.learn(1, 10)
    expect(size.rows).toBe(2000)
  })
})
