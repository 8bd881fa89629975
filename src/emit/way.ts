/** Where what is put goes: the OTLP of a batch by the router to destinations, its envelope to the lane of its mirror. */

import type { EncodedBatch } from '../otlp/intake.ts'
import type { ExtraLane } from './extra-lane.ts'
import type { RoutedBatch } from './queue/queue.ts'
import { createRouter, type RoutedDestination, unconditionalLanes } from './route.ts'

export interface Way {
  /** The parts of a batch: none of its OTLP when there is none, an envelope behind it. An envelope for nobody has no lanes. */
  parts(batch: EncodedBatch): readonly RoutedBatch[]
  /** Lanes that must have room at the door: those that get everything, and that of a mirror when there is one. */
  door(mirror: string | undefined): readonly number[]
}

/** Creates the way for these destinations, and extra lanes behind them. */
export function createWay(destinations: readonly RoutedDestination[], extra: readonly Pick<ExtraLane, 'name'>[]): Way {
  const route = createRouter(destinations)
  const always = unconditionalLanes(destinations)
  const placeOf = new Map(extra.map(({ name }, at) => [name, [destinations.length + at]]))
  const doors = new Map([...placeOf].map(([name, place]) => [name, [...always, ...place]]))

  const envelopeOf = ({ envelope, account }: EncodedBatch): readonly RoutedBatch[] => {
    if (envelope === undefined) return []
    const { format, items, data, mirror } = envelope
    return [{ batch: { format, signal: 'legacy', items, data, mirror, account }, lanes: placeOf.get(mirror) ?? [] }]
  }

  return {
    parts(batch) {
      if (batch.envelope === undefined) return route(batch)
      const isEmpty = batch.items === 0 && batch.data.byteLength === 0
      return isEmpty ? envelopeOf(batch) : [...route(batch), ...envelopeOf(batch)]
    },
    door: (mirror) => (mirror === undefined ? always : (doors.get(mirror) ?? always)),
  }
}
