/** The child's end of the line to its parent. */

import type { FromWorker, ToWorker } from './protocol.ts'

export interface Channel {
  /** Resolves when the message is handed over, or there is nobody to hand it to any more. */
  send(message: FromWorker): Promise<void>
  onMessage(take: (message: ToWorker) => void): void
  /** The parent is gone. Called at once when it is gone already. */
  onClosed(done: () => void): void
}

/** The channel of this process; undefined when nobody started it as a worker. */
export function processChannel(): Channel | undefined {
  if (process.send === undefined) return undefined
  return {
    send: (message) =>
      new Promise((resolve) => {
        if (!process.connected) return resolve()
        // An error means that the parent is gone, which `onClosed` tells.
        process.send?.(message, undefined, {}, () => resolve())
      }),
    onMessage: (take) => void process.on('message', (message) => take(message as ToWorker)),
    onClosed(done) {
      if (!process.connected) done()
      else process.once('disconnect', done)
    },
  }
}
