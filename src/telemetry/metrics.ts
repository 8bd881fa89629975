/**
 * The cells that counts live in; the table of them is metric-table.ts. A cell is a plain object that the hot path
 * increments; prom-client is loaded only when somebody scrapes (`telemetry/exposition.ts`).
 *
 * The books (promise 1): per format, signal and destination, in items, at every moment
 * `received + carried + recovered = delivered + queued + dead + elsewhere + dropped + consumed + refused + held`.
 * What happens before the queue (received, recovered, consumed, refused, held, and drops there) stands in the books of every destination.
 */

import type { Kind, metricTable } from './metric-table.ts'

export type MetricName = keyof typeof metricTable

/** One time series: counters and gauges have `value` only. */
export interface Cell {
  readonly labels: Readonly<Record<string, string>>
  value: number
}

/** Upper bounds in seconds of the stage histogram. */
export const stageBounds: readonly number[] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

export interface HistogramCell {
  readonly labels: Readonly<Record<string, string>>
  /** One count per bound of {@link stageBounds} and one for what is above the last. */
  readonly counts: number[]
  sum: number
  observe(seconds: number): void
}

type NamesOf<K extends Kind> = { [N in MetricName]: (typeof metricTable)[N]['kind'] extends K ? N : never }[MetricName]

/** The counts of one format and signal before the queue, in items, and the way to those of each destination. */
export interface FormatBooks {
  readonly format: string
  readonly signal: string
  readonly received: Cell
  /** Found at start: an earlier run received them, and they were held. */
  readonly recovered: Cell
  readonly translated: Cell
  refused(reason: string): Cell
  /** Lost before the queue: for every destination. */
  dropped(reason: string): Cell
  consumed(reason: string): Cell
  /** Held back before the queue, to be sent later; moved up and down by who holds them. */
  held(where: string): Cell
  /** The same object for the same destination, so that callers can keep it. */
  at(destination: string): DestinationBooks
}

/** The counts of one format and signal at one destination, in items; of signal `legacy` at one mirror, which has books of its own. */
export interface DestinationBooks {
  /** Of a mirror: what was put for it. A destination's is what came before the queue. */
  readonly received: Cell | undefined
  readonly carried: Cell
  /** Waiting in the queue or under way; moved by the queue. */
  readonly queued: Cell
  readonly delivered: Cell
  /** Not for this destination. */
  readonly elsewhere: Cell
  dropped(reason: string): Cell
  dead(reason: string): Cell
}

/** The sums of one format's books at one destination; `balance` is 0 when they add up. */
export interface BooksSums {
  readonly format: string
  readonly signal: string
  /** Empty while no destination is known. */
  readonly destination: string
  readonly received: number
  readonly carried: number
  readonly recovered: number
  readonly delivered: number
  readonly queued: number
  readonly consumed: number
  readonly dead: number
  /** Before the queue, and for this destination alone. */
  readonly dropped: number
  readonly refused: number
  readonly elsewhere: number
  readonly held: number
  /** left side minus right side of the equation above */
  readonly balance: number
}

export interface Metrics {
  /** The cell of a counter; the same labels give the same cell, so that callers can keep it. */
  counter(name: NamesOf<'counter'>, labels?: Record<string, string>): Cell
  gauge(name: NamesOf<'gauge'>, labels?: Record<string, string>): Cell
  histogram(name: NamesOf<'histogram'>, labels: Record<string, string>): HistogramCell
  books(format: string, signal: string): FormatBooks
  /**
   * The destinations that there are from now on; until it is called, those that were counted for. One that comes later has
   * books that begin now: what was received before stands as `elsewhere`.
   */
  setDestinations(names: readonly string[]): void
  /**
   * All books, for the page, the demo's table, `/health/ready` and tests: one line a format, signal and destination; behind them, with the signal `legacy`,
   * one a format and mirror. What is not of both is 0 there.
   */
  sums(): BooksSums[]
  /** The sum of a counter or gauge over all its labels. @param only labels that it must have */
  total(name: NamesOf<'counter' | 'gauge'>, only?: Readonly<Record<string, string>>): number
  /** Called before every reading of gauges (a scrape, the page): refreshes what is measured, not counted. Returns what ends that. */
  onCollect(refresh: () => void): () => void
  /** All series, gauges refreshed. */
  collect(): ReadonlyMap<MetricName, readonly (Cell | HistogramCell)[]>
}

/** Labels whose values a sender chooses. Of each metric at most {@link cappedValues} are kept apart; the rest is `other`. */
const cappedLabels: readonly string[] = ['service', 'tenant', 'agent', 'pipeline']

/** How many values of a label that a sender chooses one metric tells apart. */
export const cappedValues = 100

const keyOf = (labels: Readonly<Record<string, string>>): string => {
  let key = ''
  for (const name in labels) key += `${name}=${labels[name]}\n`
  return key
}

interface Books extends FormatBooks {
  readonly destinations: ReadonlyMap<string, DestinationBooks>
}

/** Creates an empty set of cells; one per process (tests make their own). */
export function createMetrics(): Metrics {
  const series = new Map<MetricName, Map<string, Cell | HistogramCell>>()
  const books = new Map<string, Books>()
  let known: readonly string[] | undefined
  const refreshers = new Set<() => void>()

  const chosen = new Map<string, Set<string>>()

  const capped = (name: MetricName, labels: Record<string, string>): Record<string, string> => {
    for (const label of cappedLabels) {
      const value = labels[label]
      if (value === undefined) continue
      let values = chosen.get(`${name} ${label}`)
      if (values === undefined) chosen.set(`${name} ${label}`, (values = new Set()))
      if (values.has(value) || value === 'other') continue
      if (values.size < cappedValues) values.add(value)
      else {
        cell('otlp_bridge_cache_full', { cache: `label ${label} of ${name}` }).value = 1
        return capped(name, { ...labels, [label]: 'other' })
      }
    }
    return labels
  }

  const cell = (name: MetricName, wanted: Record<string, string>): Cell => {
    let bySeries = series.get(name)
    if (bySeries === undefined) series.set(name, (bySeries = new Map()))
    const labels = capped(name, wanted)
    const key = keyOf(labels)
    let found = bySeries.get(key) as Cell | undefined
    if (found === undefined) bySeries.set(key, (found = { labels, value: 0 }))
    return found
  }

  const histogramCell = (name: MetricName, labels: Record<string, string>): HistogramCell => {
    let bySeries = series.get(name)
    if (bySeries === undefined) series.set(name, (bySeries = new Map()))
    const key = keyOf(labels)
    let found = bySeries.get(key) as HistogramCell | undefined
    if (found === undefined) {
      const counts = new Array<number>(stageBounds.length + 1).fill(0)
      found = {
        labels,
        counts,
        sum: 0,
        observe(seconds) {
          let at = 0
          while (at < stageBounds.length && seconds > (stageBounds[at] as number)) at++
          counts[at] = (counts[at] as number) + 1
          this.sum += seconds
        },
      }
      bySeries.set(key, found)
    }
    return found
  }

  const createDestinationBooks = (own: { format: string; signal: string; destination: string }): DestinationBooks => {
    const { format, signal, destination } = own
    return {
      received: undefined,
      carried: cell('otlp_bridge_carried_items_total', own),
      queued: cell('otlp_bridge_queue_items', own),
      delivered: cell('otlp_bridge_delivered_items_total', own),
      elsewhere: cell('otlp_bridge_routed_elsewhere_items_total', own),
      dropped: (reason) => cell('otlp_bridge_dropped_items_total', { format, signal, reason, destination }),
      dead: (reason) => cell('otlp_bridge_dead_items_total', { format, signal, reason, destination }),
    }
  }

  const createMirrorBooks = (format: string, destination: string): DestinationBooks => {
    const items = (outcome: string, reason = ''): Cell => cell('otlp_bridge_mirror_items_total', { format, destination, outcome, reason })
    return {
      received: items('received'),
      get carried() {
        return items('carried')
      },
      queued: cell('otlp_bridge_mirror_queue_items', { format, destination }),
      delivered: items('delivered'),
      get elsewhere() {
        return items('elsewhere')
      },
      dropped: (reason) => items('shed', reason),
      dead: (reason) => items('dead', reason),
    }
  }

  const createBooks = (format: string, signal: string): Books => {
    const own = { format, signal }
    const destinations = new Map<string, DestinationBooks>()
    if (signal === 'legacy') return createLegacyBooks(format, destinations)
    return {
      format,
      signal,
      destinations,
      received: cell('otlp_bridge_received_items_total', own),
      // Only a format that holds has them.
      get recovered() {
        return cell('otlp_bridge_recovered_items_total', own)
      },
      translated: cell('otlp_bridge_translated_items_total', own),
      refused: (reason) => cell('otlp_bridge_refused_items_total', { ...own, reason }),
      dropped: (reason) => cell('otlp_bridge_dropped_items_total', { ...own, reason }),
      consumed: (reason) => cell('otlp_bridge_consumed_items_total', { ...own, reason }),
      held: (where) => cell('otlp_bridge_held_items', { ...own, where }),
      at(destination) {
        let found = destinations.get(destination)
        if (found === undefined) destinations.set(destination, (found = createDestinationBooks({ ...own, destination })))
        return found
      },
    }
  }

  /** What is not told apart by mirror is counted with the signal of its OTLP. */
  const createLegacyBooks = (format: string, mirrors: Map<string, DestinationBooks>): Books => {
    const nobodys = (): Cell => ({ labels: { format, signal: 'legacy' }, value: 0 })
    return {
      format,
      signal: 'legacy',
      destinations: mirrors,
      received: nobodys(),
      recovered: nobodys(),
      translated: nobodys(),
      refused: nobodys,
      dropped: nobodys,
      consumed: nobodys,
      held: nobodys,
      at(mirror) {
        let found = mirrors.get(mirror)
        if (found === undefined) mirrors.set(mirror, (found = createMirrorBooks(format, mirror)))
        return found
      },
    }
  }

  /** Cells without a destination are in the sum of each. */
  const sumOf = (name: MetricName, format: string, signal: string, destination: string): number => {
    let sum = 0
    for (const one of series.get(name)?.values() ?? []) {
      const { labels } = one
      if (!('value' in one) || labels['format'] !== format || labels['signal'] !== signal) continue
      if (labels['destination'] === undefined || labels['destination'] === destination) sum += one.value
    }
    return sum
  }

  const sumsOf = (format: string, signal: string, destination: string): BooksSums => {
    const of = (name: MetricName): number => sumOf(name, format, signal, destination)
    const sums = {
      received: of('otlp_bridge_received_items_total'),
      carried: of('otlp_bridge_carried_items_total'),
      recovered: of('otlp_bridge_recovered_items_total'),
      delivered: of('otlp_bridge_delivered_items_total'),
      queued: of('otlp_bridge_queue_items'),
      consumed: of('otlp_bridge_consumed_items_total'),
      dead: of('otlp_bridge_dead_items_total'),
      dropped: of('otlp_bridge_dropped_items_total'),
      refused: of('otlp_bridge_refused_items_total'),
      elsewhere: of('otlp_bridge_routed_elsewhere_items_total'),
      held: of('otlp_bridge_held_items'),
    }
    const left = sums.received + sums.carried + sums.recovered
    const right = sums.delivered + sums.queued + sums.consumed + sums.dead + sums.dropped + sums.refused + sums.elsewhere + sums.held
    return { format, signal, destination, ...sums, balance: left - right }
  }

  /** Out of the cells alone, so that it holds for those of several processes together. */
  const mirrorSums = (): BooksSums[] => {
    const lines = new Map<string, Map<string, number>>()
    const gather = (name: MetricName, outcome: (labels: Cell['labels']) => string): void => {
      for (const one of series.get(name)?.values() ?? []) {
        if (!('value' in one)) continue
        const key = `${one.labels['format']}\n${one.labels['destination']}`
        const line = lines.get(key) ?? new Map<string, number>()
        lines.set(key, line)
        const what = outcome(one.labels)
        line.set(what, (line.get(what) ?? 0) + one.value)
      }
    }
    gather('otlp_bridge_mirror_items_total', (labels) => labels['outcome'] ?? '')
    gather('otlp_bridge_mirror_queue_items', () => 'queued')
    return [...lines].map(([key, line]) => {
      const [format = '', destination = ''] = key.split('\n')
      const of = (...outcomes: readonly string[]): number => outcomes.reduce((sum, one) => sum + (line.get(one) ?? 0), 0)
      const sums = {
        received: of('received'),
        carried: of('carried'),
        recovered: 0,
        delivered: of('delivered', 'sent'),
        queued: of('queued'),
        consumed: 0,
        dead: of('dead'),
        dropped: of('shed'),
        refused: 0,
        elsewhere: of('elsewhere'),
        held: 0,
      }
      const right = sums.delivered + sums.queued + sums.dead + sums.dropped + sums.elsewhere
      return { format, signal: 'legacy', destination, ...sums, balance: sums.received + sums.carried - right }
    })
  }

  const otlpBooks = (): Books[] => [...books.values()].filter(({ signal }) => signal !== 'legacy')

  const destinationsOf = (one: Books): readonly string[] => {
    const names = known ?? [...one.destinations.keys()]
    return names.length === 0 ? [''] : names
  }

  const begin = (destination: string, like: string): void => {
    for (const one of otlpBooks()) {
      // What is on its way to the queue now is open in the books of every destination, or held, and comes to this one too.
      const before = sumsOf(one.format, one.signal, destination).balance - sumsOf(one.format, one.signal, like).balance
      if (before !== 0) one.at(destination).elsewhere.value += before
    }
  }

  return {
    counter: (name, labels = {}) => cell(name, labels),
    gauge: (name, labels = {}) => cell(name, labels),
    histogram: histogramCell,
    books(format, signal) {
      const key = `${format}\n${signal}`
      let found = books.get(key)
      if (found === undefined) books.set(key, (found = createBooks(format, signal)))
      return found
    },
    setDestinations(names) {
      const like = known?.[0]
      if (like !== undefined) for (const name of names) if (known?.includes(name) !== true) begin(name, like)
      known = [...names]
    },
    sums: () => [...otlpBooks().flatMap((one) => destinationsOf(one).map((name) => sumsOf(one.format, one.signal, name))), ...mirrorSums()],
    total(name, only = {}) {
      const wanted = Object.entries(only)
      let sum = 0
      for (const one of series.get(name)?.values() ?? []) {
        if ('value' in one && wanted.every(([label, value]) => one.labels[label] === value)) sum += one.value
      }
      return sum
    },
    onCollect(refresh) {
      refreshers.add(refresh)
      return () => void refreshers.delete(refresh)
    },
    collect() {
      for (const refresh of refreshers) refresh()
      const all = new Map<MetricName, readonly (Cell | HistogramCell)[]>()
      for (const [name, cells] of series) all.set(name, [...cells.values()])
      return all
    },
  }
}
