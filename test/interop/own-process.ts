/** A program that a test starts itself and stops by its id, with a folder of its own that goes with it. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './wait.ts'

export interface OwnProcess {
  /** Ends it, and removes its folder if it has one. */
  stop(): Promise<void>
}

/** True when something listens there. */
export const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

/** A folder that {@link startProcess} removes again. */
export const ownFolder = (name: string): Promise<string> => mkdtemp(join(tmpdir(), `otlp-bridge-${name}-`))

/** Starts it and waits until `isReady`. Its output is in the message when it ends before that. @param folder goes when it is stopped */
export async function startProcess(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  folder: string,
  isReady: () => Promise<boolean>,
): Promise<OwnProcess> {
  const log = join(folder, 'output.log')
  const child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = createWriteStream(log)
  child.stdout.pipe(output)
  child.stderr.pipe(output, { end: false })
  const ended = once(child, 'exit')
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await ended
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    await until(
      command,
      async () => {
        if (child.exitCode !== null) throw new Error(`${command} ended: ${(await readFile(log, 'utf8')).slice(-2000)}`)
        return (await isReady()) || undefined
      },
      120_000,
    )
    return { stop }
  } catch (error) {
    await stop()
    throw error
  }
}
