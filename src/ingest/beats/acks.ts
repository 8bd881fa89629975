/**
 * What a client is told. Acks carry no number of their window: the client takes each for its oldest one. So there is exactly one final ack a
 * window, in order, and while one waits there are acks of 0, from which the client learns that we live. @see mapping of Beats, 3
 */

import type { BeatsCounters } from './counters.ts'

export interface AckSink {
  write(bytes: Uint8Array): void
}

export interface Acks {
  /** The whole window is stored. */
  final(version: number, sequence: number): void
  /** Something is pending from now on: acks of 0 in that version, unless they go out already. */
  wait(version: number): void
  /** Nothing is. */
  rest(): void
  /** One ack of 0 now. */
  zero(version: number): void
}

const frame = (version: number, sequence: number): Uint8Array => {
  const bytes = new Uint8Array(6)
  bytes[0] = 0x30 + version
  bytes[1] = 0x41
  new DataView(bytes.buffer).setUint32(2, sequence)
  return bytes
}

/** Creates the acks of a connection. @param everyMs between two of 0 */
export function createAcks(sink: AckSink, everyMs: number, counters: Pick<BeatsCounters, 'acks'>): Acks {
  let timer: NodeJS.Timeout | undefined
  let version = 2

  const zero = (of: number): void => {
    counters.acks.keepalive.value++
    sink.write(frame(of, 0))
  }
  return {
    final(of, sequence) {
      counters.acks.final.value++
      sink.write(frame(of, sequence))
      // What comes behind it in the queue has waited all along, but the client has just heard from us.
      timer?.refresh()
    },
    wait(of) {
      version = of
      timer ??= setInterval(() => zero(version), everyMs)
    },
    rest() {
      clearInterval(timer)
      timer = undefined
    },
    zero,
  }
}
