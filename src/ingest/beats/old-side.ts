/** The old Logstash, as a window sees it: its events wait in the queue beside what became of them here. Section 1.4 of the mapping. */

import type { Envelope } from '../../otlp/intake.ts'
import type { LargeMirror, MirrorDoor, MirrorState, RequestHead } from '../mirror-door.ts'
import type { Peer } from '../peer.ts'
import { format } from './gather.ts'
import { WindowEvents } from './window-events.ts'

/** Of events beyond it, a window is in the queue in several envelopes. */
const wholeBytes = 4 * 1024 * 1024

/** What one window has to do with the old side. */
export interface OldWindow {
  readonly events: WindowEvents
  readonly state: MirrorState
  /** Name of the queue's lane. */
  readonly mirror: string
  /** All that gathered since the last `spilled`, to be put or staged with the last of the window; made anew for every try. */
  rest(): readonly Envelope[]
  /** As `rest`, of a window that is not complete; lets go of the events. */
  spill(): readonly Envelope[]
}

/** Creates those of one connection. */
export interface OldSide {
  /** Undefined while the old side gets nothing. */
  begin(): OldWindow | undefined
}

export function createOldSide(door: MirrorDoor, { address, connection }: Peer): OldSide {
  const head: RequestHead = { kind: 'beats', method: '', target: '', headers: [], address, connection }

  return {
    begin() {
      const state = door.state()
      if (state.old === 'off') return undefined
      const events = new WindowEvents()
      let large: LargeMirror | undefined
      let isSpilled = false

      const parts = (last: boolean): readonly Envelope[] => {
        const blocks = events.blocks()
        const target = isSpilled ? large : door.wrapLarge(head, { format, key: undefined })
        large = target
        if (target === undefined) return []
        if (blocks.length === 0) return last ? [target.part(nothing, 0, true, [])] : []
        return blocks.map(({ bytes, lengths }, at) => target.part(bytes, lengths.length, last && at === blocks.length - 1, lengths))
      }

      return {
        events,
        state,
        mirror: door.name,
        rest() {
          if (isSpilled || events.length > wholeBytes) return parts(true)
          const payloads = events.payloads()
          const envelope = door.wrap(head, payloads, { format, items: payloads.length, key: undefined })
          return envelope === undefined ? [] : [envelope]
        },
        spill() {
          const made = parts(false)
          isSpilled = true
          events.clear()
          return made
        },
      }
    },
  }
}

const nothing = new Uint8Array(0)
