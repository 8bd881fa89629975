/** Where a back-fill goes: the destinations of section `emit`, or files. */

import { randomUUID } from 'node:crypto'
import { resolve } from 'node:path'
import { type Program, programs } from '../backfill/destination-kind.ts'

import type { FileSinkOptions } from '../backfill/file-sink.ts'
import { createOtlpSink } from '../backfill/otlp-sink.ts'
import type { Pace } from '../backfill/pacing.ts'
import type { Boundary, Sink } from '../backfill/sink.ts'
import type { Config } from '../config/compose.ts'
import { BridgeError } from '../errors.ts'
import type { Logger } from '../telemetry/log.ts'
import { createMetrics, type Metrics } from '../telemetry/metrics.ts'

export interface DestinationOptions {
  readonly config: Config
  /** `--to-file`; undefined: section `emit`. */
  readonly file: Omit<FileSinkOptions, 'run'> | undefined
  /** `--destination` */
  readonly program: string | undefined
  readonly pace: Pace
  readonly log: Logger
  readonly metrics?: Metrics
  /** The destination takes nothing so old. */
  readonly boundary: (one: Boundary) => void
}

export interface Destination {
  /** Without secrets; part of the run's identity. */
  readonly name: string
  /** Once. */
  open(run: string): Promise<Sink>
  /** When it was not opened. */
  close(): Promise<void>
}

/** What `--destination` says. Throws OB_CONFIG. */
export function programOf(text: string | undefined): Program | undefined {
  const found = programs.find((one) => one === text)
  if (found === undefined && text !== undefined)
    throw new BridgeError('OB_CONFIG', `cannot use --destination ${text}: expected ${programs.join(', ')}`, { place: '--destination' })
  return found
}

/** Connects to nothing yet. Rejects with OB_CONFIG. */
export async function destinationOf({
  config,
  file,
  program,
  pace,
  log,
  metrics = createMetrics(),
  boundary,
}: DestinationOptions): Promise<Destination> {
  const known = programOf(program)
  if (file !== undefined) {
    const folder = resolve(file.folder)
    const { createFileSink } = await import('../backfill/file-sink.ts')
    return {
      name: `file:${folder}`,
      open: (run) =>
        createFileSink(
          { ...file, folder, run },
          { log, distress: (reason, retryAfterMs) => pace.distress('destination', reason, retryAfterMs) },
        ),
      close: async () => {},
    }
  }
  const sink = await createOtlpSink(
    { emit: config.emit, program: known },
    {
      log,
      metrics,
      nowMs: Date.now,
      monotonicMs: () => performance.now(),
      random: Math.random,
      instanceId: randomUUID(),
      distress: (reason, retryAfterMs) => pace.distress('destination', reason, retryAfterMs),
      pausedMs: () => Math.max(0, (pace.state().pausedUntilMs ?? 0) - Date.now()),
      boundary,
    },
  )
  let opened = false
  return {
    name: sink.name,
    async open() {
      opened = true
      return sink
    },
    close: () => (opened ? Promise.resolve() : sink.close()),
  }
}
