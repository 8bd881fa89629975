/** Which destination gets what, by signal and by an attribute. */

import { isBridgeError } from '../errors.ts'
import { unnamed } from '../otlp/codes.ts'
import type { EncodedBatch, Signal } from '../otlp/intake.ts'
import { type Classifier, createSplitter, type Part } from '../otlp/split.ts'
import type { DestinationConfig, Where } from './destinations.ts'
import type { RoutedBatch } from './queue/queue.ts'

/** What a router has to know of a destination. */
export type RoutedDestination = Pick<DestinationConfig, 'signals' | 'where' | 'otherwise'>

/** The parts of a batch and whom they are for. All items are in exactly one part; one that nobody takes has no lanes. */
export type Router = (batch: EncodedBatch) => readonly RoutedBatch[]

const takes = ({ signals }: RoutedDestination, signal: Signal): boolean => signals === undefined || signals.includes(signal)

/** Places of the destinations that get everything of every signal. */
export function unconditionalLanes(destinations: readonly RoutedDestination[]): readonly number[] {
  return [...destinations.keys()].filter((at) => {
    const { signals, where, otherwise } = destinations[at] as RoutedDestination
    return signals === undefined && where === undefined && !otherwise
  })
}

/** Combinations of values that are remembered; the rest is worked out each time. */
const rememberedCombinations = 10_000

interface Candidate {
  readonly lane: number
  readonly where: Where | undefined
}

/** By attribute: classes are lists of lanes. */
function createClassifier(candidates: readonly Candidate[], otherwise: readonly number[]) {
  const wheres = candidates.flatMap(({ where }) => (where === undefined ? [] : [where]))
  const keys = [...new Set(wheres.map(({ attribute }) => attribute))]
  const values = keys.map((key) => {
    const named = new Set(wheres.filter(({ attribute }) => attribute === key).flatMap((where) => where.values))
    return new Map([...named].map((text, at) => [text, at + unnamed + 1]))
  })
  const rules = candidates.map(({ lane, where }) => {
    const key = where === undefined ? -1 : keys.indexOf(where.attribute)
    const codes = new Set(where?.values.map((text) => values[key]?.get(text)))
    return { lane, key, codes, listed: where?.listed ?? true }
  })
  const lanes: (readonly number[])[] = []
  const classByLanes = new Map<string, number>()
  const classByCodes = new Map<number, number>()

  const workOut = (codes: Readonly<Int32Array>): number => {
    const found = rules.filter(({ key, codes: named, listed }) => key < 0 || named.has(codes[key]) === listed).map(({ lane }) => lane)
    const chosen = found.length === 0 ? otherwise : found
    const name = chosen.join()
    let ofClass = classByLanes.get(name)
    if (ofClass === undefined) {
      classByLanes.set(name, (ofClass = lanes.length))
      lanes.push(chosen)
    }
    return ofClass
  }
  const classifier: Classifier = {
    keys,
    values,
    classOf(codes) {
      let combination = 0
      for (let at = 0; at < keys.length; at++)
        combination = combination * ((values[at] as ReadonlyMap<string, number>).size + 2) + (codes[at] as number)
      let ofClass = classByCodes.get(combination)
      if (ofClass === undefined) {
        ofClass = workOut(codes)
        if (classByCodes.size < rememberedCombinations) classByCodes.set(combination, ofClass)
      }
      return ofClass
    },
  }
  return { classifier, lanes }
}

/** The parts' items add up to the batch's: what was counted another way before is put right at the largest part, so that the books stay whole. */
function squared(parts: readonly Part[], items: number): readonly Part[] {
  const excess = parts.reduce((sum, one) => sum + one.items, 0) - items
  if (excess === 0 || parts.length === 0) return parts
  const largest = parts.reduce((first, one) => (one.items > first.items ? one : first))
  if (largest.items < excess) return []
  return parts.map((one) => (one === largest ? { ...one, items: one.items - excess } : one))
}

function createSignalRouter(destinations: readonly RoutedDestination[], signal: Signal): Router {
  const all = destinations.map((one, lane) => ({ ...one, lane })).filter((one) => takes(one, signal))
  const otherwise = all.filter((one) => one.otherwise).map(({ lane }) => lane)
  const candidates = all.filter((one) => !one.otherwise)
  if (candidates.every(({ where }) => where === undefined)) {
    const lanes = candidates.length === 0 ? otherwise : candidates.map(({ lane }) => lane)
    return (batch) => [{ batch, lanes }]
  }
  const { classifier, lanes } = createClassifier(candidates, otherwise)
  const split = createSplitter(signal, classifier)
  // Who is to have it cannot be read: better with too many than lost.
  const unreadable = otherwise.length > 0 ? otherwise : candidates.map(({ lane }) => lane)
  return (batch) => {
    let parts: readonly Part[]
    try {
      parts = squared(split(batch.data), batch.items)
    } catch (error) {
      if (!isBridgeError(error)) throw error
      parts = []
    }
    const [only] = parts
    if (only === undefined) return [{ batch, lanes: unreadable }]
    if (parts.length === 1) return [{ batch, lanes: lanes[only.class] as readonly number[] }]
    const { format } = batch
    return parts.map(({ class: ofClass, items, data }) => ({
      batch: { format, signal, items, data, onRejected: batch.onRejected, account: batch.account },
      lanes: lanes[ofClass] as readonly number[],
    }))
  }
}

/**
 * Creates the router of a list of destinations; lanes are places in it. A destination takes the signals it names, and of them what its
 * `where` says; the one with `otherwise` takes what no other takes. Where nothing has to be looked at the batch goes on as it is, uncopied.
 * Parts of a batch have the account of the whole.
 * A batch that cannot be read goes, whole, to `otherwise`, or without one to all that take its signal.
 */
export function createRouter(destinations: readonly RoutedDestination[]): Router {
  const routers: Readonly<Record<Signal, Router>> = {
    traces: createSignalRouter(destinations, 'traces'),
    metrics: createSignalRouter(destinations, 'metrics'),
    logs: createSignalRouter(destinations, 'logs'),
  }
  return (batch) => routers[batch.signal](batch)
}
