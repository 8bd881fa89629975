/** How lines get into a shipper: the standard input of a client's program, a TCP connection of syslog, a file. Each makes the writer wait as it would an application. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Writable } from 'node:stream'

/** What a client's program says when it ends: documents that it thinks stored and lost, and what it was told, counted. */
export interface Said {
  readonly delivered: number
  readonly lost: number
  readonly faults: Readonly<Record<string, number>>
}

export interface Feed {
  /** Resolves when more may be written. */
  write(lines: readonly string[]): Promise<void>
  /** No more lines: a program ends and what it said is given; from daemons there is nothing to hear. */
  end(): Promise<Said | undefined>
  /** What else it has to say once all is counted, such as what is in its file of errors. */
  remarks?(): Promise<string | undefined>
  /** Stops whatever it still is. */
  stop(): Promise<void>
}

const put = async (stream: Writable, text: string): Promise<void> => {
  if (stream.write(text) || stream.destroyed) return
  const over = new AbortController()
  await Promise.race([once(stream, 'drain', over), once(stream, 'close', over)]).finally(() => over.abort())
}

/** Ends a child that was started, kindly at first. */
export async function endChild(child: ChildProcess, patienceMs = 10_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const hard = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  await ended
  clearTimeout(hard)
}

/** Runs a program that reads lines and ends with `said {…}`. */
export function feedProgram(command: readonly [string, ...string[]], settings: Readonly<Record<string, string>>): Feed {
  const [program, ...args] = command
  const child = spawn(program, args, { env: { ...process.env, ...settings }, stdio: ['pipe', 'pipe', 'pipe'] })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output.push(text)
      // Some log every fault: what it says at the end is wanted.
      if (output.length > 200) output.shift()
    })
  const ended = new Promise<number | null>((settle) => {
    child.once('error', (fault) => {
      output.push(String(fault))
      settle(null)
    })
    child.once('close', settle)
  })
  // A program that ended early shows by what it said, or did not say.
  child.stdin.on('error', () => {})
  return {
    write: (lines) => put(child.stdin, `${lines.join('\n')}\n`),
    async end() {
      child.stdin.end()
      const code = await ended
      const said = /said (\{"delivered".*\})\s*$/.exec(output.join(''))?.[1]
      if (code !== 0 || said === undefined)
        throw new Error(`cannot run ${command.join(' ')}: exit code ${code}\n${output.join('').slice(-2000)}`)
      return JSON.parse(said) as Said
    },
    stop: () => endChild(child),
  }
}

/** Syslog over TCP, a line a message, with what must be stopped in the end. */
export async function feedSyslog(port: number, frame: (line: string) => string, stop: () => Promise<void>): Promise<Feed> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => {})
  return {
    write: (lines) => put(socket, lines.map(frame).join('')),
    async end() {
      socket.end()
      return undefined
    },
    async stop() {
      socket.destroy()
      await stop()
    },
  }
}

/** A file that grows and is tailed. */
export async function feedFile(path: string, stop: () => Promise<void>): Promise<Feed> {
  const file = await open(path, 'a')
  return {
    async write(lines) {
      await file.appendFile(`${lines.join('\n')}\n`)
    },
    async end() {
      await file.close()
      return undefined
    },
    stop,
  }
}
