/** What one request has come to so far. It enters the books when the request is answered for: a request that is refused whole has received nothing. */

import type { ServiceCount } from '../../otlp/batch.ts'
import type { Signal } from '../../otlp/intake.ts'
import type { Note } from '../../translate/outcome.ts'
import type { DocumentPart } from '../documents.ts'

/** What went to the queue as one signal. */
export interface SignalTally {
  items: number
  readonly services: ServiceCount[]
}

/** Names of pipelines told apart in one request; those of the rest are `other`. */
const maxPipelines = 100
/** Counts of services that a request keeps; there is a list of them for each piece. */
const maxServices = 10_000

const add = (counts: Map<string, number>, key: string, count: number): void => void counts.set(key, (counts.get(key) ?? 0) + count)

export class Tally {
  /** Documents that were not taken, by reason; their senders are told. */
  readonly refused = new Map<string, number>()
  /** Documents that were taken and left out, by reason: `system_index`, `duplicate_id`, … */
  readonly consumed = new Map<string, number>()
  /** What the translator noticed, by reason. */
  readonly notes = new Map<string, number>()
  readonly signals = new Map<Signal, SignalTally>()
  /** Documents by the ingest pipeline that they were meant for. */
  readonly pipelines = new Map<string, number>()
  /** Documents of `index` with an id that came before; each is a record of its own. */
  repeated = 0

  refuse(reason: string): void {
    add(this.refused, reason, 1)
  }

  consume(reason: string): void {
    add(this.consumed, reason, 1)
  }

  pipeline(name: string): void {
    add(this.pipelines, this.pipelines.size < maxPipelines || this.pipelines.has(name) ? name : 'other', 1)
  }

  noticed(notes: readonly Note[]): void {
    for (const { reason, count } of notes) add(this.notes, reason, count)
  }

  part({ signal, items, services }: DocumentPart): void {
    let found = this.signals.get(signal)
    if (found === undefined) this.signals.set(signal, (found = { items: 0, services: [] }))
    found.items += items
    for (const one of services) if (found.services.length < maxServices) found.services.push(one)
  }

  clear(): void {
    this.refused.clear()
    this.consumed.clear()
    this.notes.clear()
    this.signals.clear()
    this.pipelines.clear()
    this.repeated = 0
  }
}
