/** `otlp-bridge backfill` as its users start it: killed at random moments, started again, looked at from outside. */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomFrom, runSeed } from '../crash/support/random.ts'
import type { Recorder } from './backfill-recorder.ts'
import { root } from './peers.ts'

/** What the system says of a process. */
export interface Costs {
  /** Greatest resident size, MiB: `VmHWM`. */
  readonly peakMb: number
  readonly cpuSeconds: number
}

const ticksPerSecond = 100
const lookEveryMs = 50

function costsOf(pid: number): Costs | undefined {
  try {
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return { peakMb: Number(peak ?? 0) / 1024, cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond }
  } catch {
    // It has ended.
    return undefined
  }
}

export interface Ended extends Costs {
  readonly code: number | null
  readonly signal: string | null
  readonly seconds: number
  readonly out: string
  readonly err: string
}

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Looks at it now, before it is killed. */
  look(): void
}

/** Starts the program with these words. */
function startProgram(words: readonly string[], folder: string): Running {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('OTEL_')))
  const begun = performance.now()
  const child = spawn(join(root, 'bin/otlp-bridge'), words, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err]: [string[], string[]] = [[], []]
  child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text))
  let last: Costs = { peakMb: 0, cpuSeconds: 0 }
  const look = (): void => {
    const now = costsOf(child.pid ?? 0)
    // One that has ended and is not yet gone has no size any more.
    if (now !== undefined) last = { peakMb: Math.max(last.peakMb, now.peakMb), cpuSeconds: Math.max(last.cpuSeconds, now.cpuSeconds) }
  }
  const timer = setInterval(look, lookEveryMs)
  const ended = new Promise<Ended>((settle, fail) => {
    child.once('error', fail)
    child.once('close', (code, signal) => {
      clearInterval(timer)
      settle({ code, signal, seconds: (performance.now() - begun) / 1000, out: out.join(''), err: err.join(''), ...last })
    })
  })
  return { child, ended, look }
}

/** Runs the program to its end. */
export const runProgram = (words: readonly string[], folder: string): Promise<Ended> => startProgram(words, folder).ended

export interface KilledRun {
  readonly seed: number
  /** One for each start: those that were killed, and the last one, which came to its end. */
  readonly starts: readonly Ended[]
  readonly kills: number
  readonly last: Ended
}

export interface KillOptions {
  /** Of the command, the same each time. */
  readonly words: readonly string[]
  readonly folder: string
  readonly recorder: Pick<Recorder, 'arrived' | 'onRequest'>
  /** OTLP items that will come, about. */
  readonly items: number
  readonly kills: number
}

/**
 * Runs the same command until it comes to its end by itself, and kills it with -9 so many times before: each time when a random part of the items has
 * come, at once or a moment later. Seed: `OTLP_BRIDGE_CRASH_SEED`.
 */
export async function runKilled({ words, folder, recorder, items, kills }: KillOptions): Promise<KilledRun> {
  const seed = runSeed()
  const random = randomFrom(seed)
  const marks = Array.from({ length: kills }, () => items * (0.02 + 0.9 * random())).sort((a, b) => a - b)
  const starts: Ended[] = []
  let killed = 0
  // Those that ended before their time was up count as no kill; they should be few.
  for (const mark of [...marks, Number.POSITIVE_INFINITY]) {
    const one = startProgram(words, folder)
    // Every other one meets a page that has come and is not answered; the others come whenever they come.
    const waitMs = random() < 0.5 ? 0 : random() * Math.min(200, items / 1000)
    let timer: NodeJS.Timeout | undefined
    let isDue = false
    const kill = (): void => {
      one.look()
      one.child.kill('SIGKILL')
    }
    recorder.onRequest = () => {
      if (recorder.arrived < mark || isDue) return
      isDue = true
      if (waitMs === 0) kill()
      else timer = setTimeout(kill, waitMs)
    }
    const ended = await one.ended
    clearTimeout(timer)
    recorder.onRequest = undefined
    starts.push(ended)
    if (ended.signal !== 'SIGKILL') return { seed, starts, kills: killed, last: ended }
    killed++
  }
  throw new Error('cannot come here: the last start is not killed')
}
