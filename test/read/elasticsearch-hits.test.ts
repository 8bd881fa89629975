import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HitColumn, HitTable } from '../../src/read/elasticsearch-hits.ts'

const answer = (hits: string, head = ''): Buffer =>
  Buffer.from(
    `{${head}"timed_out":false,"_shards":{"total":2,"successful":2,"skipped":0,"failed":0},"hits":{"max_score":null,"hits":[${hits}]}}`,
  )

describe('HitTable', () => {
  it('gives documents as they were sent, whatever is in them', () => {
    const source = '{"n":9223372036854775807,\n "d":0.12345678901234567890,"hits":{"hits":[1]},"t":"\\"}]","_id":"inner"}'
    const table = new HitTable(
      answer(`{"_index":"a","_type":"_doc","_id":"q\\"1","_score":null,"_source":${source},"sort":[1794009601123,7]}`),
      ['n', 'd'],
    )
    expect(table.count).toBe(1)
    expect(table.text(0, HitColumn.Id)).toBe('q"1')
    expect(table.bytes(0, HitColumn.Source).toString()).toBe(source)
    expect(table.bytes(0, HitColumn.Wanted).toString()).toBe('9223372036854775807')
    expect(table.bytes(0, HitColumn.Wanted + 1).toString()).toBe('0.12345678901234567890')
    expect(table.bytes(0, HitColumn.Sort).toString()).toBe('[1794009601123,7]')
  })

  it('reads what stands around the hits, in any order and with blanks', () => {
    const body = Buffer.from(
      '{ "hits" : { "hits" : [ ] } , "_shards" : {"total":3,"successful":1,"skipped":0,"failed":2,"failures":[{"shard":1,"index":"i","reason":{"type":"t","reason":"r"}}]} , "timed_out" : true , "pit_id" : "p" , "_scroll_id" : "s" }',
    )
    const { head, hasHits, count } = new HitTable(body, [])
    expect(head).toEqual({
      pitId: 'p',
      scrollId: 's',
      timedOut: true,
      shards: { total: 3, successful: 1, skipped: 0, failed: 2, failure: 'shard 1 of i: t: r' },
    })
    expect([hasHits, count]).toEqual([true, 0])
  })

  it('knows what is not there: a source, a member, a list of hits', () => {
    const table = new HitTable(
      answer('{"_index":"a","_id":"1","sort":[1]},{"_index":"a","_id":"2","_source":null},{"_index":"a","_id":"3","_source":{"m":1}}'),
      ['n'],
    )
    expect([0, 1, 2].map((row) => table.has(row, HitColumn.Source))).toEqual([false, false, true])
    expect([0, 1, 2].map((row) => table.has(row, HitColumn.Wanted))).toEqual([false, false, false])
    expect(new HitTable(Buffer.from('{"error":"x"}'), []).hasHits).toBe(false)
  })

  it('passes over texts of any length, wherever they end', () => {
    const word = fc.oneof(
      fc.constantFrom('', '"', '\\', '\\"', '}', 'x"]}'),
      fc.string({ maxLength: 9 }),
      fc.string({ unit: 'grapheme', maxLength: 9 }),
    )
    fc.assert(
      fc.property(fc.array(fc.array(word, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 5 }), word, (texts, last) => {
        const sources = texts.map((one) => JSON.stringify({ m: one, o: { [one[0] as string]: one } }))
        const hits = sources.map((source, i) => `{"_index":"a","_id":"${i}","_source":${source},"sort":[${i}]}`).join(',')
        const ending = `{"hits":{"hits":[${hits}]},"more":{"x":${JSON.stringify(last)}}}`
        for (const body of [answer(hits), Buffer.from(ending)]) {
          const table = new HitTable(body, [])
          expect(sources.map((_, row) => table.bytes(row, HitColumn.Source).toString())).toEqual(sources)
          expect(table.count).toBe(sources.length)
        }
        for (let end = ending.length - 8; end < ending.length; end++)
          expect(() => new HitTable(Buffer.from(ending).subarray(0, end), [])).toThrow()
      }),
      { numRuns: 500 },
    )
  })

  it('takes more hits than it had room for', () => {
    const hits = Array.from({ length: 1000 }, (_, i) => `{"_index":"a","_id":"${i}","_source":{"n":${i}}}`).join(',')
    const table = new HitTable(answer(hits), ['n'])
    expect(table.count).toBe(1000)
    expect(table.bytes(999, HitColumn.Wanted).toString()).toBe('999')
  })

  it('reads hits that are like the one before as it reads one alone', () => {
    const hits = [
      '{"_index":"a","_type":"_doc","_id":"1","_score":null,"_source":{"n":1,"t":"x"},"sort":[1,2]}',
      '{"_index":"a","_type":"_doc","_id":"22","_score":null,"_source":{"t":"},\\"sort\\":[","n":{"sort":[2]}},"sort":[17,3]}',
      '{"_index":"a","_type":"_doc","_id":"3","_score":null,"_source":{"t":"y"},"sort":[18,4]}',
      '{"_index":"a","_type":"_doc","_id":"q\\"4","_score":null,"_source":{"n":4},"sort":[19,4]}',
      '{"_index":"a","_type":"_doc","_id":"5","_score":null,"_source":{"n":5},"sort":[20,4]}',
      '{"_index":"b","_type":"_doc","_id":"6","_score":null,"_source":{"n":6},"sort":[20,5]}',
      '{"_index":"b","_type":"_doc","_id":"7","_score":null,"_source":{"n":7},"sort":[20,6],"fields":{"f":[1]}}',
      '{"_index":"b","_type":"_doc","_id":"8","_score":null,"_source":{"n":8},"sort":[20,7]}',
      '{"_index":"b","_type":"_doc","_id":"9","_score":null,"_source":null,"sort":[20,8]}',
      '{"_index":"b","_type":"_doc","_id":"10","_score":null,"_source":{"n":10},"sort":["z",8]}',
      '{"_index":"b","_type":"_doc","_id":"11","_score":null,"_source":{},"sort":[null]}',
      '{"_id":"12","_index":"b","_source":{"n":12},"sort":[1]}',
      '{"_id":"13","_index":"b","_source":{"n":13},"sort":[1]}',
      '{"_id":"14","_source":{"n":14},"sort":[1]}',
      '{"_id":"15","_source":{"n":15},"sort":[1]}',
      '{"_source":{"n":16},"_id":"16","sort":[1]}',
      '{"_source":{"n":17},"_id":"17","sort":[1]}',
    ]
    const columns = [...Object.values(HitColumn), HitColumn.Wanted + 1]
    const rowOf = (table: HitTable, row: number) => columns.map((column) => table.bytes(row, column).toString())
    for (const separator of [',', ' ,\n ']) {
      const table = new HitTable(answer(hits.join(separator)), ['n', 't'])
      expect(table.count).toBe(hits.length)
      for (const [row, hit] of hits.entries()) expect(rowOf(table, row), hit).toEqual(rowOf(new HitTable(answer(hit), ['n', 't']), 0))
    }
  })

  it('throws OB_SOURCE wherever an answer is cut off', () => {
    const hit = '{"_index":"a","_id":"1","_source":{"n":[1,{"m":"x"}]},"sort":[1,2]}'
    const whole = answer(`${hit},${hit}`, '"pit_id":"p",')
    for (let end = 0; end < whole.length; end++) {
      expect(() => new HitTable(Buffer.from(whole.subarray(0, end)), ['n']), `${end}`).toThrow(
        expect.objectContaining({ code: 'OB_SOURCE' }),
      )
    }
  })
})
