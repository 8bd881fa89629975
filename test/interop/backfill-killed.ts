/** A back-fill on the command line into files, killed with signal 9 again and again until it has come through. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ownFolder } from './own-process.ts'
import { root } from './peers.ts'

export interface KilledRun {
  readonly kills: number
  /** Of the last one. */
  readonly code: number | null
  readonly output: string
  /** `trace/span` of every span in the files, sorted. */
  readonly spans: readonly string[]
  readonly folder: string
}

interface Line {
  readonly resourceSpans?: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly { readonly traceId: string; readonly spanId: string }[] }[]
  }[]
}

/** Ends of the command, with all it printed. */
export async function backfillCommand(
  args: readonly string[],
  killAfterMs?: number,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [join(root, 'src/main.ts'), 'backfill', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (text) => (output += text))
  child.stderr.on('data', (text) => (output += text))
  const ended = once(child, 'close')
  if (killAfterMs !== undefined) void delay(killAfterMs, undefined, { ref: false }).then(() => child.kill('SIGKILL'))
  await ended
  return { code: child.exitCode, output }
}

/** @param source the source and its flags @param kills at the most, at growing distances */
export async function runKilled(source: readonly string[], kills: number): Promise<KilledRun> {
  const folder = await ownFolder('backfill')
  const args = [...source, '--to-file', join(folder, 'out'), '--compress', 'none', '--ledger', join(folder, 'ledger')]
  let killed = 0
  let run = await backfillCommand(args, 1500)
  while (run.code === null && ++killed < kills) run = await backfillCommand(args, 1500 + killed * 300)
  if (run.code === null) run = await backfillCommand(args)
  const spans: string[] = []
  for (const name of await readdir(join(folder, 'out'))) {
    if (!name.endsWith('.jsonl')) continue
    for (const line of (await readFile(join(folder, 'out', name), 'utf8')).split('\n')) {
      if (line === '') continue
      for (const { scopeSpans } of (JSON.parse(line) as Line).resourceSpans ?? [])
        for (const scope of scopeSpans) for (const { traceId, spanId } of scope.spans) spans.push(`${traceId}/${spanId}`)
    }
  }
  return { kills: killed, ...run, spans: spans.sort(), folder }
}
