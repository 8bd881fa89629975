/** An old backend, a new one, and bridges between them. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DemoSink, startDemoSink } from '../../src/cli/demo-sink.ts'
import { loadBridgeConfig } from '../../src/config/compose.ts'
import { type Pipeline, startPipeline } from '../../src/pipeline.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { type OldSide, startOldSide } from './old-side.ts'

export interface BothSides {
  old: OldSide
  readonly sink: DemoSink
  /** What is closed before the sides are, the last one first. */
  readonly open: (() => unknown)[]
  /** A configuration with a queue on disk, the same for all bridges of a test. @param set `a.b=c` */
  load(...set: string[]): ReturnType<typeof loadBridgeConfig>
  /** A bridge with it. */
  start(...set: string[]): Promise<Pipeline>
  /** Spans that the new side has. */
  arrived(): number
  /** An old backend at the port of the one that was stopped. */
  reviveOld(): Promise<OldSide>
  close(): Promise<void>
}

/** @param settings of every bridge */
export async function startBothSides(settings: readonly string[]): Promise<BothSides> {
  const folder = await mkdtemp(join(tmpdir(), 'both-sides-'))
  const sink = await startDemoSink()
  const base = [`queue.path=${folder}/queue`, 'emit.batch.delay=5', `emit.endpoint=${sink.endpoint}`, ...settings]
  const sides: BothSides = {
    old: await startOldSide(),
    sink,
    open: [() => sides.old.stop(), sink.stop],
    load: (...set) => loadBridgeConfig({ set: [...base, ...set] }, {}),
    async start(...set) {
      const deps = { log: silentLog, version: 'test', nowMs: Date.now, random: Math.random }
      const pipeline = await startPipeline(await sides.load(...set), deps)
      sides.open.push(() => pipeline.stop(1000))
      return pipeline
    },
    arrived: () => [...sink.seen.values()].reduce((sum, count) => sum + count, 0),
    async reviveOld() {
      sides.old = await startOldSide(sides.old.port)
      return sides.old
    },
    async close() {
      for (const close of sides.open.splice(0).reverse()) await close()
      await rm(folder, { recursive: true })
    },
  }
  return sides
}

/** Where a section listens. */
export const addressOf = (pipeline: Pipeline, section: string): string =>
  pipeline.listeners.find((one) => one.section === section)?.addresses[0] ?? 'http://nothing.invalid'
