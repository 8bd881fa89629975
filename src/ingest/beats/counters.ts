/** What is counted of connections, frames and windows beside the books of items. */

import type { Cell, Metrics } from '../../telemetry/metrics.ts'
import { cellsByReason } from '../receive.ts'
import type { BeatName } from './beat-name.ts'

/** What a connection is doing: nothing, taking a window, or waiting for the queue to have one. */
export type ConnectionState = 'idle' | 'receiving' | 'waiting'

/** Beats and major versions told apart; the rest is `other`. */
const maxBeats = 50

export type BeatsCounters = ReturnType<typeof createCounters>

/** Creates the cells of a listener. */
export function createCounters(metrics: Metrics) {
  const beats = new Map<string, Cell>()
  const eventsOf = ({ beat, major }: BeatName): Cell => {
    const key = `${beat} ${major}`
    let cell = beats.get(key)
    if (cell === undefined) {
      const labels = beats.size < maxBeats ? { beat, version_major: major } : { beat: 'other', version_major: '' }
      cell = metrics.counter('otlp_bridge_beats_events_total', labels)
      if (beats.size < maxBeats) beats.set(key, cell)
    }
    return cell
  }
  const states = (state: ConnectionState): Cell => metrics.gauge('otlp_bridge_beats_connections', { state })
  const frames = (type: string): Cell => metrics.counter('otlp_bridge_beats_frames_total', { type })
  const bytes = (stage: string): Cell => metrics.counter('otlp_bridge_beats_bytes_total', { stage })
  const acks = (kind: string): Cell => metrics.counter('otlp_bridge_beats_acks_total', { kind })
  return {
    /** Connections by what they are doing; moved by them. */
    connections: { idle: states('idle'), receiving: states('receiving'), waiting: states('waiting') },
    closed: cellsByReason((reason) => metrics.counter('otlp_bridge_beats_connections_closed_total', { reason })),
    faults: cellsByReason((reason) => metrics.counter('otlp_bridge_beats_protocol_errors_total', { reason })),
    windows: metrics.counter('otlp_bridge_beats_windows_total'),
    pending: metrics.gauge('otlp_bridge_beats_pending_windows'),
    /** Bytes of windows in memory. */
    windowBytes: metrics.gauge('otlp_bridge_beats_window_bytes'),
    events: eventsOf,
    frames: { W: frames('W'), J: frames('J'), D: frames('D'), C: frames('C') },
    wireBytes: bytes('wire'),
    inflatedBytes: bytes('inflated'),
    acks: { final: acks('final'), keepalive: acks('keepalive') },
    ackSeconds: metrics.histogram('otlp_bridge_beats_ack_seconds', {}),
    sequenceOdd: metrics.counter('otlp_bridge_beats_sequence_odd_total'),
    parseKept: metrics.counter('otlp_bridge_beats_parse_kept_total'),
  }
}
