/** Groups that LogQL cannot make of labels: filters and ranges become one target each. */

import { allOf, everything, type Filter, isBetween, leaf } from '../filters/model.ts'
import { isAddress, isCidr } from '../filters/values.ts'
import type { Note } from '../model.ts'
import { milliseconds } from './duration.ts'
import type { Bucket, RangeBucket } from './query.ts'

/** One of the targets. */
export interface Split {
  readonly label: string | undefined
  readonly filter: Filter
  /** Of a range of dates: its length and how far back it ends, in milliseconds. */
  readonly window?: { readonly length: number; readonly back: number } | undefined
}

/** Most targets of one metric. */
export const mostSplits = 50

/** Targets of all buckets that are filters or ranges; every one with every other. Undefined: too many, or a range that cannot be read. */
export function splitsOf(buckets: readonly Bucket[]): readonly Split[] | Note {
  let all: Split[] = [{ label: undefined, filter: everything }]
  for (const bucket of buckets) {
    const own = ownSplits(bucket)
    if (own === undefined) continue
    if ('code' in own) return own
    if (all.length * own.length > mostSplits)
      return { code: 'OBD-L-024', text: `There are more than ${mostSplits} groups of filters and ranges.` }
    all = all.flatMap((one) => own.map((other) => both(one, other)))
  }
  return all
}

const both = (one: Split, other: Split): Split => ({
  label: one.label === undefined ? other.label : other.label === undefined ? one.label : `${one.label} ${other.label}`,
  filter: allOf([one.filter, other.filter]),
  window: one.window ?? other.window,
})

function ownSplits(bucket: Bucket): readonly Split[] | Note | undefined {
  if (bucket.kind === 'filters') return bucket.filters.map(({ label, filter }) => ({ label, filter }))
  if (bucket.kind === 'ranges') {
    return bucket.ranges.map((one) => ({ label: one.label ?? labelOf(one), filter: rangeFilter(bucket.field, one) }))
  }
  if (bucket.kind !== 'date_ranges') return undefined
  const windows = bucket.ranges.map((one) => ({ label: one.label ?? labelOf(one), filter: everything, window: windowOf(one) }))
  return windows.every((one) => one.window !== undefined)
    ? windows
    : { code: 'OBD-L-037', text: 'A range of dates does not end a fixed time ago.' }
}

const labelOf = ({ from, to }: RangeBucket): string => (typeof from === 'string' && isCidr(from) ? from : `${from ?? '*'}-${to ?? '*'}`)

function rangeFilter(field: string, { from, to }: RangeBucket): Filter {
  if (typeof from === 'string' && isCidr(from)) return leaf(field, { op: 'cidr', block: from }, `${field}: ${from}`)
  const low = from === undefined ? undefined : { value: String(from), inclusive: true }
  if (typeof to === 'string' && isAddress(to)) {
    return isBetween(field, low ?? { value: '0.0.0.0', inclusive: true }, { value: before(to), inclusive: true }, `${field} below ${to}`)
  }
  if (typeof from === 'string' && isAddress(from)) {
    const last = from.includes(':') ? 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' : '255.255.255.255'
    return isBetween(field, low, { value: last, inclusive: true }, `${field} from ${from}`)
  }
  return isBetween(
    field,
    low,
    to === undefined ? undefined : { value: String(to), inclusive: false },
    `${field} ${from ?? '*'} to ${to ?? '*'}`,
  )
}

/** The address before one of IPv4; others are as they are. */
function before(address: string): string {
  const parts = address.split('.').map(Number)
  if (parts.length !== 4 || parts.some((one) => !Number.isInteger(one))) return address
  const number = parts.reduce((sum, one) => sum * 256 + one, 0) - 1
  return number < 0 ? address : [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.')
}

/** `now-2d` to `now-1d`; undefined: dates, or rounded ones. */
function windowOf({ from, to }: RangeBucket): Split['window'] {
  const begin = agoOf(from)
  const end = to === undefined ? 0 : agoOf(to)
  return begin === undefined || end === undefined || begin <= end ? undefined : { length: begin - end, back: end }
}

function agoOf(value: number | string | undefined): number | undefined {
  if (typeof value !== 'string') return undefined
  const text = value.trim().replace(/\/[smhdwMy]$/, '')
  if (text !== value.trim()) return undefined
  return text === 'now' ? 0 : text.startsWith('now-') ? milliseconds(text.slice('now-'.length)) : undefined
}
