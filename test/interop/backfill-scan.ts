/** All documents of an Elasticsearch, by a plain scroll: the other way to what a back-fill reads. Changes nothing there. */

export interface ScannedDocument {
  readonly index: string
  readonly id: string
  readonly source: Readonly<Record<string, unknown>>
}

interface ScrollAnswer {
  readonly _scroll_id: string
  readonly hits: {
    readonly hits: readonly { readonly _index: string; readonly _id: string; readonly _source: ScannedDocument['source'] }[]
  }
  readonly _shards: { readonly failed: number }
}

async function ask<Answer>(url: string, method: string, body?: object): Promise<Answer> {
  const reply = await fetch(url, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  if (!reply.ok) throw new Error(`cannot ask ${url}: ${reply.status} ${await reply.text()}`)
  return (await reply.json()) as Answer
}

/** @param fields what is asked for of each; empty: all */
export async function* scanDocuments(
  url: string,
  index: string,
  fields: readonly string[],
): AsyncGenerator<ScannedDocument, void, undefined> {
  const first = { size: 5000, sort: ['_doc'], ...(fields.length === 0 ? {} : { _source: fields }) }
  let answer = await ask<ScrollAnswer>(`${url}/${index}/_search?scroll=2m&allow_partial_search_results=false`, 'POST', first)
  try {
    while (answer.hits.hits.length > 0) {
      for (const { _index, _id, _source } of answer.hits.hits) yield { index: _index, id: _id, source: _source }
      answer = await ask<ScrollAnswer>(`${url}/_search/scroll`, 'POST', { scroll: '2m', scroll_id: answer._scroll_id })
      if (answer._shards.failed > 0) throw new Error('cannot read all of it: a shard failed')
    }
  } finally {
    await ask(`${url}/_search/scroll`, 'DELETE', { scroll_id: answer._scroll_id })
  }
}

export const countDocuments = async (url: string, index: string): Promise<number> =>
  (await ask<{ count: number }>(`${url}/${index}/_count`, 'GET')).count

/** Waits until a search sees so many. */
export async function seeDocuments(url: string, index: string, count: number, limitMs = 120_000): Promise<void> {
  const end = Date.now() + limitMs
  for (;;) {
    await fetch(`${url}/${index}/_refresh`, { method: 'POST' })
    const reply = await fetch(`${url}/${index}/_count`)
    const found = reply.ok ? ((await reply.json()) as { count: number }).count : 0
    if (found === count) return
    if (Date.now() > end) throw new Error(`cannot see ${count} documents in ${index}: ${found}`)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}
