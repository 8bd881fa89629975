/** Starts workers as child processes: the same program, on the same Node.js with the same flags. */

import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FromWorker, ToWorker } from './protocol.ts'

/** The parent's end of the line to one worker. */
export interface Child {
  readonly pid: number | undefined
  send(message: ToWorker): void
  onMessage(take: (message: FromWorker) => void): void
  /** Once; `why` reads `exit code 1` or `signal SIGKILL`. */
  onExit(done: (why: string) => void): void
  kill(signal: NodeJS.Signals): void
}

/** Published code is JavaScript beside this file, a checkout runs the TypeScript. */
const program = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url))

/** The hidden command that makes a process a worker. */
export const workerCommand = 'worker'

/** Starts one. It ends with this process, whatever ends it: it notices that nobody is at the other end, drains, and exits. */
export function spawnWorker(): Child {
  const child = fork(program, [workerCommand], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' })
  // A second signal ends this process at once; then nobody is to go on.
  const killWithUs = (): void => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  child.once('exit', () => process.removeListener('exit', killWithUs))
  return {
    pid: child.pid,
    send: (message) => {
      if (child.connected) child.send(message, () => {})
    },
    onMessage: (take) => void child.on('message', (message) => take(message as FromWorker)),
    onExit(done) {
      let why: string | undefined
      const end = (reason: string): void => {
        if (why === undefined) why = reason
        // What it said last may still be on its way.
        if (!child.connected) done(why)
      }
      child.once('exit', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`))
      child.once('disconnect', () => {
        if (why !== undefined) done(why)
      })
      // Also for a message to one that is just dying, whose end is told by `exit`.
      child.on('error', (error) => {
        if (child.pid === undefined && why === undefined) end(error.message)
      })
    },
    kill: (signal) => void child.kill(signal),
  }
}
