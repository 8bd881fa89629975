/** `prometheus-tsdb`: blocks of Prometheus, Thanos and Mimir in a folder (mapping/backfill.md 2.7): a snapshot, a data folder, a bucket's copy. */

import { realpathSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { z } from 'zod'
import { BridgeError, isBridgeError } from '../../errors.ts'
import { MatchType } from '../../read/prometheus-remote-read-wire.ts'
import type { Block } from '../../read/prometheus-tsdb/block.ts'
import { createBlockPool } from '../../read/prometheus-tsdb/block-pool.ts'
import type { SeriesFilter } from '../../read/prometheus-tsdb/families.ts'
import { createFileCache } from '../../read/prometheus-tsdb/file-cache.ts'
import { skipsByReason } from '../../read/prometheus-tsdb/merged-series.ts'
import { type BlockMeta, listBlocks, readMeta } from '../../read/prometheus-tsdb/meta.ts'
import type { Page, SliceSpec, TranslatedPage } from '../model.ts'
import { type SliceCount, type SliceReader, type Source, type SourceDeps, sourceFault } from '../source.ts'
import type { SourceKind } from '../source-kind.ts'
import { createSourcePoints } from './prometheus-http-source.ts'
import type { PrometheusPoints } from './prometheus-points.ts'
import { SampleSum } from './prometheus-sample-sum.ts'
import { matchersOf } from './prometheus-selector.ts'
import type { PageSeries } from './prometheus-series.ts'
import { groupBlocks, planBlocks, readSliceKey, type TsdbSlice } from './prometheus-tsdb-plan.ts'
import { readTsdbCursor, type TsdbCursor, type TsdbPage, TsdbReader } from './prometheus-tsdb-reader.ts'

const labelLine = z.string().regex(/^[^=\0]+=[^\0]*$/, { error: 'expected a label such as cluster=prod' })

const options = z.strictObject({
  externalLabels: z
    .array(labelLine)
    .default([])
    .describe(
      'A label that every series gets unless it has it, as name=value; may be repeated. Blocks do not hold the external_labels of their server.',
    ),
  metadata: z
    .string()
    .min(1)
    .optional()
    .describe(
      'File or URL with the answer of /api/v1/metadata: types, helps and units, which blocks do not hold. Without it names and forms decide.',
    ),
  cache: z.number().int().min(1).max(4096).default(16).describe('MiB of the files that are kept in memory.'),
})

const largestMetadata = 64 * 1024 * 1024
const metadataMs = 60_000

async function fetchJson(url: string): Promise<unknown> {
  try {
    const reply = await fetch(url, { signal: AbortSignal.timeout(metadataMs) })
    if (!reply.ok) throw new Error(`HTTP ${reply.status}`)
    let length = 0
    const pieces: Uint8Array[] = []
    for await (const piece of reply.body ?? []) {
      length += piece.length
      if (length > largestMetadata) throw new Error(`more than ${largestMetadata} bytes`)
      pieces.push(piece)
    }
    return JSON.parse(Buffer.concat(pieces).toString()) as unknown
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new BridgeError('OB_CONFIG', `cannot read metadata ${new URL(url).origin}: ${why}`, { place: 'metadata', cause: error })
  }
}

/** `a=b` lines as an object. Throws OB_CONFIG for a label that is said twice. */
function labelsOf(lines: readonly string[]): Readonly<Record<string, string>> {
  const labels = new Map<string, string>()
  for (const line of lines) {
    const name = line.slice(0, line.indexOf('='))
    if (labels.has(name))
      throw new BridgeError('OB_CONFIG', `cannot use --external-labels: ${name} is there twice`, { place: 'externalLabels' })
    labels.set(name, line.slice(name.length + 1))
  }
  return Object.fromEntries(labels)
}

const sameAs = (value: string, isEqual: boolean) => (text: string) => (text === value) === isEqual

/** An expression holds for the whole text. Throws OB_CONFIG for what is none. */
function matches(value: string, isWanted: boolean): (text: string) => boolean {
  try {
    const expression = new RegExp(`^(?:${value})$`, 'su')
    return (text) => expression.test(text) === isWanted
  } catch (error) {
    throw new BridgeError('OB_CONFIG', `cannot use ${value.slice(0, 200)}: it is no regular expression`, { place: 'query', cause: error })
  }
}

/** `--query` and `--service` as a question to the labels of a series; a label that it has not is empty. */
function filterOf(filter: SourceDeps['filter']): SeriesFilter {
  const tests = matchersOf(filter).map(({ type, name, value }) => {
    const isPlain = type === MatchType.Equal || type === MatchType.NotEqual
    const isWanted = type === MatchType.Equal || type === MatchType.Matches
    return { name, holds: isPlain ? sameAs(value, isWanted) : matches(value, isWanted) }
  })
  return tests.length === 0 ? {} : { wants: (labelOf) => tests.every(({ name, holds }) => holds(labelOf(name))) }
}

interface OpenSlice {
  readonly reader: TsdbReader
  release(): void
}

export const prometheusTsdb: SourceKind = {
  argument: { name: 'dir', variadic: false, description: 'Folder with blocks: a snapshot, a data folder, or one block.' },
  options,
  async open(given, args, deps) {
    const { externalLabels, metadata, cache: cacheMiB } = options.parse(given)
    const [folder] = args
    if (folder === undefined || args.length !== 1) {
      throw new BridgeError('OB_CONFIG', 'cannot open prometheus-tsdb: expected one folder with blocks', { place: 'dir' })
    }
    const http = { fetchJson, own: () => Promise.resolve(undefined) }
    const { points } = await createSourcePoints(deps, metadata ?? 'none', http, labelsOf(externalLabels))
    return createTsdbSource(folder, deps, { points, hasMetadata: metadata !== undefined, cacheBytes: cacheMiB * 1024 * 1024 })
  },
}

interface TsdbSourceOptions {
  readonly points: PrometheusPoints
  readonly hasMetadata: boolean
  readonly cacheBytes: number
}

/** Throws OB_SOURCE when there is no block to read. */
export function createTsdbSource(folder: string, deps: SourceDeps, { points, hasMetadata, cacheBytes }: TsdbSourceOptions): Source {
  const { filter, translate } = deps
  const { startTime, targetInfo } = translate.prometheus
  const wants = filterOf(filter)
  const cache = createFileCache(cacheBytes)
  const pool = createBlockPool(cache)
  const sums = new SampleSum()
  let { blocks, notes, unreadable } = listBlocks(folder)
  const path = realpathSync(folder)
  const metaOf = (ulid: string): BlockMeta => {
    const known = blocks.find((block) => block.ulid === ulid)
    // Read again: it may be gone since.
    const meta = readMeta(known?.folder ?? join(folder, ulid))
    if (meta.ulid !== ulid) throw sourceFault('vanished', `cannot read block ${ulid}: its folder holds ${meta.ulid} now`, { place: ulid })
    return meta
  }

  /** Names of all blocks, whatever is wanted of them: what is renamed must be so alike in all slices, and in a run that goes on. */
  const namesOf = async (abort: AbortSignal): Promise<readonly string[]> => {
    const names = new Set<string>()
    for (const meta of blocks) {
      if (abort.aborted) throw new BridgeError('OB_STOPPING', 'cannot read names: the run is stopping')
      try {
        const block = pool.acquire(meta)
        for (const { name } of block.index.names) names.add(name)
        pool.release(block)
      } catch (error) {
        if (!isBridgeError(error)) throw error
        // Its own slices say so.
        deps.log.warn({ block: meta.ulid, error: String(error) }, 'a block cannot be read: how its metrics would be renamed is not known')
      }
      await setImmediate()
    }
    return [...names].sort()
  }
  let prepared: Promise<void> | undefined
  const prepare = (abort: AbortSignal): Promise<void> => {
    if (!points.wantsNames) return Promise.resolve()
    prepared ??= namesOf(abort).then(
      (names) => points.prepare(names),
      (error: unknown) => {
        prepared = undefined
        throw error
      },
    )
    return prepared
  }

  /** The group of blocks that ends last before these begin, for what was said before. Gone ones are done without. */
  const before = (slice: TsdbSlice): readonly BlockMeta[] => {
    const groups = groupBlocks(blocks)
    const own = groups.findIndex((group) => group.blocks.some(({ ulid }) => slice.ulids.includes(ulid)))
    return own > 0 ? (groups[own - 1]?.blocks ?? []) : []
  }

  const openSlice = (spec: SliceSpec, after: TsdbCursor | undefined, withSide: boolean): OpenSlice => {
    const slice = readSliceKey(spec.key)
    if (slice === undefined) throw sourceFault('source_error', 'cannot read a slice: its key is none of this source')
    const held: Block[] = []
    const release = (): void => {
      for (const block of held.splice(0)) pool.release(block)
    }
    const acquire = (meta: BlockMeta): Block => {
      const block = pool.acquire(meta)
      held.push(block)
      return block
    }
    try {
      const own = slice.ulids.map((ulid) => acquire(metaOf(ulid)))
      const earlier: Block[] = []
      if (withSide) {
        for (const meta of before(slice)) {
          try {
            earlier.push(acquire(meta))
          } catch (error) {
            deps.log.warn(
              { block: meta.ulid, error: String(error) },
              'a block before the slice cannot be read: what was said before is not known',
            )
          }
        }
      }
      const reader = new TsdbReader({
        slice,
        blocks: own,
        before: earlier,
        after,
        limits: { items: deps.page.items, bytes: deps.page.bytes },
        filter: wants,
        expected: wants.wants === undefined ? expectedOf(slice, own) : undefined,
        withStarts: withSide && startTime === 'true_reset',
        maxTargets: withSide ? targetInfo.max : 0,
        monotonicMs: deps.monotonicMs,
      })
      return { reader, release }
    } catch (error) {
      release()
      throw error
    }
  }

  const pageOf = (raw: TsdbPage, reader: TsdbReader, bytes: number, where: string): Page => ({
    cursor: raw.cursor,
    last: raw.last,
    translate(): TranslatedPage {
      const { draft, faults, targets, scopes } = raw
      const page = points.translate({ series: draft.series, targets, scopes, bytes, where })
      reader.release(raw)
      const skips = skipsByReason(draft.skips)
      const skipped: Record<string, number> = { ...page.skipped }
      let read = page.read
      for (const [reason, count] of Object.entries(skips)) {
        skipped[reason] = (skipped[reason] ?? 0) + count
        read += count
      }
      return { ...page, read, skipped, faults: [...page.faults, ...faults] }
    },
  })

  return {
    kind: 'prometheus-tsdb',
    name: folder,
    identity: path,
    unit: 'sample',
    approximate: undefined,
    isLocal: true,

    async plan() {
      ;({ blocks, notes, unreadable } = listBlocks(folder))
      const types = hasMetadata
        ? []
        : ['types are told by names and forms: blocks hold none (--metadata gives them); exemplars are not in blocks either']
      return planBlocks(blocks, filter, [...notes, ...points.notes, ...types], unreadable)
    },

    open(spec, cursor): SliceReader {
      let slice: OpenSlice | undefined
      let after = cursor
      return {
        async next(abort) {
          await prepare(abort)
          slice ??= openSlice(spec, readTsdbCursor(after), true)
          const read = cache.bytesRead
          const page = await slice.reader.next(abort)
          if (page === undefined) return undefined
          after = page.cursor
          return pageOf(page, slice.reader, cache.bytesRead - read, spec.group)
        },
        // Files that are open cost the source nothing.
        rest: () => Promise.resolve(),
        close() {
          slice?.release()
          slice = undefined
          return Promise.resolve()
        },
      }
    },

    async count(spec, deep, abort): Promise<SliceCount> {
      const { reader, release } = openSlice(spec, undefined, false)
      try {
        let items = 0
        let sum = 0n
        for (let page = await reader.next(abort); page !== undefined; page = await reader.next(abort)) {
          items += page.draft.items
          for (const count of Object.values(skipsByReason(page.draft.skips))) items += count
          if (deep) {
            for (const series of page.draft.series) addSeries(sums, series)
            sum = BigInt.asUintN(128, sum + sums.take())
          }
          reader.release(page)
        }
        return { items, sum: deep ? sum : undefined }
      } finally {
        release()
      }
    },

    close() {
      pool.close()
      cache.clear()
      return Promise.resolve()
    },
  }
}

/** What `meta.json` says of a slice that is all of its blocks. */
function expectedOf({ fromMs, toMs, shards }: TsdbSlice, blocks: readonly Block[]): number | undefined {
  if (shards !== 1 || blocks.some(({ meta }) => meta.samples === 0 || meta.minMs < fromMs || meta.maxMs > toMs)) return undefined
  return blocks.reduce((sum, { meta }) => sum + meta.samples, 0)
}

function addSeries(sums: SampleSum, { labels, samples, from, to }: PageSeries): void {
  sums.begin(labels)
  for (let at = from; at < to; at++) {
    const native = samples.natives[at]
    if (native === undefined) sums.add(samples.ms[at] as number, samples.hi[at] as number, samples.lo[at] as number)
    else sums.histogram(native)
  }
}
