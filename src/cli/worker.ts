/** `otlp-bridge worker`: what `serve --workers` starts; of no use to anybody else. */

import { BridgeError } from '../errors.ts'
import { processChannel } from '../workers/channel.ts'
import { runChild } from '../workers/child.ts'
import type { Io } from './io.ts'
import { stopDeadlineMs } from './serve.ts'
import { version } from './version.ts'

export async function worker(io: Io): Promise<number> {
  const channel = processChannel()
  if (channel === undefined) {
    throw new BridgeError('OB_CONFIG', 'cannot run a worker by itself: workers are started by `serve --workers`', { place: 'worker' })
  }
  // A hangup is the parent's business; it reaches a whole group of processes.
  io.takeHangups(() => {})
  return runChild(channel, { version, signal: io.takeSignals(), stopDeadlineMs })
}
