/**
 * A few items of each key and minute, as they were received and as they were sent, for the parity check to look up on both sides. Of what is looked at
 * the items with the smallest hashes are kept: the same in every process, whatever order they came in.
 */

import { createHash } from 'node:crypto'
import type { ParitySamples } from '../admin/api.ts'
import type { ParityQuery } from '../admin/sources.ts'
import type { Observer, Seen } from '../ingest/observe.ts'
import { eachItem, type Item } from '../otlp/decode/items.ts'
import type { Books } from './books.ts'
import type { OpenFile } from './file.ts'

export interface SamplesDeps {
  readonly books: Pick<Books, 'file' | 'nowMs' | 'watch'>
  /** Bytes that are kept; 0: nothing is. */
  readonly maxSize: number
  /** Which rules of translation hold now: what was made by others is not compared with what is made now. */
  readonly mappingHash: () => string
}

export interface Samples extends Observer {
  /** What `/parity/samples` answers. @param withBytes false: ids alone */
  query(query: ParityQuery, withBytes: boolean): ParitySamples
  /** Writes what is kept of the minute so far; also done at its end. */
  save(): void
}

/** Items of a key and minute. */
const perKey = 4
/** Keys of a minute. */
const maxKeys = 200
/** Samples a minute, on average over a day: 20,000 of them; after a quiet time more at once. */
const perMinute = 14
const most = perKey * maxKeys
/** Requests a second, items of one, and bytes of one, that are looked at. */
const looksPerSecond = 5
const maxItems = 2000
const maxLook = 4 * 2 ** 20
/** Bytes of an item, and of the request it came in, that are kept. */
const maxItem = 16 * 1024
const maxBody = 64 * 1024
/** Samples given at most. */
const maxGiven = 2000
/** Characters of received requests in one answer: a request that many samples share is in it as often. */
export const maxGivenBytes = 8 * 2 ** 20

interface Sample {
  readonly endpoint: string
  readonly format: string
  readonly key: string
  readonly hash: number
  readonly id: string
  readonly atMs: number
  readonly otlp: Uint8Array | undefined
  /** The request it came in. */
  readonly body: Body
}

interface Body {
  readonly sha: Uint8Array
  /** Undefined when it is too large to be kept. */
  readonly bytes: Uint8Array | undefined
}

const schema = `
CREATE TABLE IF NOT EXISTS samples (at INTEGER NOT NULL, endpoint TEXT NOT NULL, format TEXT NOT NULL, key TEXT NOT NULL, hash INTEGER NOT NULL,
  id TEXT NOT NULL, event INTEGER NOT NULL, mapping TEXT NOT NULL, otlp BLOB, sha BLOB NOT NULL, PRIMARY KEY (at, endpoint, format, key, id)) WITHOUT ROWID`
const bodySchema =
  'CREATE TABLE IF NOT EXISTS bodies (at INTEGER NOT NULL, sha BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (at, sha)) WITHOUT ROWID'

const sizeNow = `SELECT coalesce((SELECT sum(length(otlp) + length(id) + 100) FROM samples), 0) +
  coalesce((SELECT sum(length(body) + 50) FROM bodies), 0) AS size`

/** Creates the samples. They are an observer: of the requests that endpoints show them they look at a few a second. */
export function createSamples({ books, maxSize, mappingHash }: SamplesDeps): Samples {
  const limit = books.file.lasting ? maxSize : Math.min(maxSize, 4 * 2 ** 20)
  let minute = Math.floor(books.nowMs() / 60_000)
  let looks = looksPerSecond
  let tokens = most
  let size: number | undefined
  /** By endpoint, format and key: at most {@link perKey}, smallest hash first. */
  let kept = new Map<string, Sample[]>()
  /** Those of this minute that are in the file already. */
  let written = new Set<Sample>()

  books.file.onOpen((open) => {
    open.run(schema)
    open.run(bodySchema)
    size = undefined
  })

  const consider = (seen: Seen, item: Item, body: () => Body): void => {
    const name = `${seen.endpoint}\n${seen.format}\n${item.key}`
    let list = kept.get(name)
    if (list === undefined) {
      if (kept.size >= maxKeys) return
      kept.set(name, (list = []))
    }
    const at = list.findIndex(({ hash }) => hash >= item.hash)
    // The same trace or series again.
    if (at >= 0 && list[at]?.hash === item.hash) return
    if (at < 0 && list.length >= perKey) return
    const otlp = item.cut()
    const sample: Sample = {
      endpoint: seen.endpoint,
      format: seen.format,
      key: item.key,
      hash: item.hash,
      id: item.id().slice(0, 1000),
      atMs: item.atMs === 0 ? seen.atMs : item.atMs,
      otlp: otlp.length <= maxItem ? otlp : undefined,
      body: body(),
    }
    list.splice(at < 0 ? list.length : at, 0, sample)
    if (list.length > perKey) list.pop()
  }

  const look = (seen: Seen): void => {
    let made: Body | undefined
    const body = (): Body => {
      made ??= {
        sha: createHash('sha256').update(seen.body).digest(),
        // A copy: the memory is the endpoint's.
        bytes: seen.body.length <= maxBody ? seen.body.slice() : undefined,
      }
      return made
    }
    let items = 0
    eachItem(seen.signal, seen.otlp, (item) => {
      consider(seen, item, body)
      return ++items < maxItems
    })
  }

  const write = (open: OpenFile, at: number, samples: readonly Sample[]): void => {
    size ??= Number(open.get(sizeNow)?.['size'] ?? 0)
    for (const { endpoint, format, key, hash, id, atMs, otlp, body } of samples) {
      open.run(
        'INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
        at,
        endpoint,
        format,
        key,
        hash,
        id,
        Math.round(atMs),
        mappingHash(),
        otlp ?? null,
        body.sha,
      )
      size += (otlp?.length ?? 0) + id.length + 100
      if (body.bytes === undefined) continue
      open.run('INSERT OR IGNORE INTO bodies VALUES (?, ?, ?)', at, body.sha, body.bytes)
      size += body.bytes.length + 50
    }
    if (size <= limit) return
    // Somewhat more than has to go, and measured, since a request that two samples share was counted twice.
    for (let round = 0; round < 60; round++) {
      size = Number(open.get(sizeNow)?.['size'] ?? 0)
      const oldest = open.get('SELECT min(at) AS at FROM samples')?.['at']
      if (size <= limit * 0.9 || typeof oldest !== 'number') return
      open.run('DELETE FROM samples WHERE at <= ?', oldest)
      open.run('DELETE FROM bodies WHERE at <= ?', oldest)
    }
  }

  /** The smallest of each key first, then the second of each, as far as the day's measure goes. */
  const chosen = (): readonly Sample[] => {
    const all: Sample[] = []
    for (let rank = 0; rank < perKey; rank++) {
      for (const list of kept.values()) {
        const sample = list[rank]
        if (sample !== undefined && !written.has(sample)) all.push(sample)
      }
    }
    return all.slice(0, tokens)
  }

  const save = (): void => {
    const samples = chosen()
    if (samples.length === 0) return
    if (!books.file.write((open) => write(open, minute, samples))) return
    tokens -= samples.length
    for (const sample of samples) written.add(sample)
  }

  if (limit > 0)
    books.watch({
      received() {},
      refused() {},
      tick() {
        looks = looksPerSecond
        const now = Math.floor(books.nowMs() / 60_000)
        if (now === minute) return
        save()
        minute = now
        kept = new Map()
        written = new Set()
        tokens = Math.min(most, tokens + perMinute)
      },
      stop: save,
    })

  return {
    save,
    wants: () => limit > 0 && looks > 0,
    see(seen) {
      if (limit === 0 || looks <= 0 || seen.otlp.length === 0 || seen.otlp.length > maxLook) return
      looks--
      try {
        look(seen)
      } catch {
        // We made these bytes; what cannot be read of them is not worth a sample.
      }
    },
    query({ endpoint = null, key = null, fromMs, toMs }, withBytes) {
      save()
      const [from, to] = [Math.floor(fromMs / 60_000), Math.ceil(toMs / 60_000)]
      const mapping = mappingHash()
      // How many there should be is not told: backends are asked by the time of the items, and the books know when they came.
      const answer = {
        from: new Date(from * 60_000).toISOString(),
        to: new Date(to * 60_000).toISOString(),
        mappingHash: mapping,
        expected: [],
      }
      if (!books.file.present) return { ...answer, items: [] }
      // By event time, and of the minutes in which it can have come in.
      const base64 = (value: unknown): string | undefined =>
        withBytes && value instanceof Uint8Array ? Buffer.from(value).toString('base64') : undefined
      const read = (open: OpenFile) => {
        let left = withBytes ? maxGivenBytes : 0
        const rows = open.all(
          `SELECT * FROM samples WHERE at BETWEEN ? AND ? AND event >= ? AND event < ? AND mapping = ?
             AND (? IS NULL OR endpoint = ?) AND (? IS NULL OR key = ?) ORDER BY hash LIMIT ${maxGiven}`,
          from - 1440,
          to + 1440,
          from * 60_000,
          to * 60_000,
          mapping,
          endpoint,
          endpoint,
          key,
          key,
        )
        return rows.map((row) => {
          const body =
            left > 0 ? open.get('SELECT body FROM bodies WHERE at = ? AND sha = ?', row['at'] ?? null, row['sha'] ?? null) : undefined
          const [legacy, otlp] = [base64(body?.['body']), base64(row['otlp'])]
          left -= legacy?.length ?? 0
          return {
            endpoint: String(row['endpoint']),
            format: String(row['format']),
            key: String(row['key']),
            id: String(row['id']),
            at: new Date(Number(row['event'])).toISOString(),
            ...(legacy === undefined ? {} : { legacy }),
            ...(otlp === undefined ? {} : { otlp }),
          }
        })
      }
      const items = books.file.read(read) ?? []
      return { ...answer, items }
    },
  }
}
