/** Types, helps and units of metrics as `/api/v1/metadata` says them: a snapshot, out of a file or from the server. */

import { BridgeError } from '../../errors.ts'
import { MetricType } from '../../translate/prometheus/model.ts'

export interface FamilyMetadata {
  readonly family: string
  /** One of {@link MetricType}; 0: nobody says. */
  readonly type: number
  readonly help: string
  readonly unit: string
}

export interface MetadataSnapshot {
  /** What is said of a name, and of it without each suffix that it may have as a member of a family. */
  of(name: string): readonly FamilyMetadata[]
  readonly size: number
}

const types: Readonly<Record<string, number>> = {
  counter: MetricType.Counter,
  gauge: MetricType.Gauge,
  histogram: MetricType.Histogram,
  gaugehistogram: MetricType.GaugeHistogram,
  summary: MetricType.Summary,
  info: MetricType.Info,
  stateset: MetricType.StateSet,
}

const suffixes = ['_bucket', '_sum', '_count', '_total', '_created', '_info', '_gcount', '_gsum']

/** Families that are remembered; help is cut elsewhere. */
const mostFamilies = 200_000
const longestHelp = 4096

const none: readonly FamilyMetadata[] = []

/** Nothing is known. */
export const noMetadata: MetadataSnapshot = { of: () => none, size: 0 }

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Targets may say different things of one family: the same is taken in whatever order they come. */
function joined(family: string, entries: readonly unknown[]): FamilyMetadata {
  const rows = entries
    .filter((one): one is Readonly<Record<string, unknown>> => typeof one === 'object' && one !== null)
    .map((one) => ({ type: types[textOf(one['type']).toLowerCase()] ?? 0, help: textOf(one['help']), unit: textOf(one['unit']) }))
    .sort((left, right) => left.type - right.type || (left.unit < right.unit ? -1 : left.unit > right.unit ? 1 : 0))
  const help = rows.reduce((longest, row) => {
    const isLonger = row.help.length > longest.length || (row.help.length === longest.length && row.help > longest)
    return isLonger ? row.help : longest
  }, '')
  return {
    family,
    type: rows.find((row) => row.type !== 0)?.type ?? 0,
    help: help.slice(0, longestHelp),
    unit: rows.find((row) => row.unit !== '')?.unit ?? '',
  }
}

/**
 * Reads the answer of `/api/v1/metadata`, or its `data` alone. Throws OB_CONFIG for what is neither.
 * @param place for messages: the file or the URL
 */
export function parseMetadata(json: unknown, place: string): MetadataSnapshot {
  const outer = json as { readonly status?: unknown; readonly data?: unknown } | null
  const data = outer !== null && typeof outer === 'object' && typeof outer.data === 'object' ? outer.data : json
  const isTable = typeof data === 'object' && data !== null && !Array.isArray(data) && Object.values(data).every(Array.isArray)
  if (!isTable) {
    throw new BridgeError('OB_CONFIG', `cannot read metadata ${place}: it is not the answer of /api/v1/metadata`, { place: 'metadata' })
  }
  const families = new Map<string, FamilyMetadata>()
  for (const [family, entries] of Object.entries(data as Readonly<Record<string, readonly unknown[]>>)) {
    if (families.size >= mostFamilies) break
    families.set(family, joined(family, entries))
  }
  return {
    of(name) {
      const found: FamilyMetadata[] = []
      const exact = families.get(name)
      if (exact !== undefined) found.push(exact)
      for (const suffix of suffixes) {
        const stem = name.endsWith(suffix) ? families.get(name.slice(0, -suffix.length)) : undefined
        if (stem !== undefined) found.push(stem)
      }
      return found
    },
    size: families.size,
  }
}

/** Reads a snapshot from a file, or from a server. Rejects with OB_CONFIG. @param fetchJson how a URL is read */
export async function readMetadata(from: string, fetchJson: (url: string) => Promise<unknown>): Promise<MetadataSnapshot> {
  if (/^https?:\/\//.test(from)) return parseMetadata(await fetchJson(from), from)
  const { readFile } = await import('node:fs/promises')
  let json: unknown
  try {
    json = JSON.parse(await readFile(from, 'utf8'))
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error)
    throw new BridgeError('OB_CONFIG', `cannot read metadata ${from}: ${cause}`, { place: 'metadata', cause: error })
  }
  return parseMetadata(json, from)
}
