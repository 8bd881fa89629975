/** A worker: a whole bridge but for the admin port, led by its parent. */

import { type Pipeline, startPipeline } from '../pipeline.ts'
import { ownUsage } from '../telemetry/exposition.ts'
import { createLog } from '../telemetry/log.ts'
import { collectStartGarbage } from '../telemetry/start-garbage.ts'
import type { Channel } from './channel.ts'
import { plainError } from './errors.ts'
import { switchesOf } from './overseer.ts'
import type { WorkerReport, WorkerStart } from './protocol.ts'
import { plainSeries } from './series.ts'

export interface ChildDeps {
  readonly version: string
  /** Aborted by SIGINT or SIGTERM. */
  readonly signal: AbortSignal
  /** How long a worker that stops of its own accord drains: its parent is gone, or somebody wants this one to end. */
  readonly stopDeadlineMs: number
}

function reportOf({ metrics, health, status }: Pipeline): WorkerReport {
  return {
    series: plainSeries(metrics.collect()),
    reasons: health.reasons(),
    warnings: health.warnings(),
    listeners: status.listeners(),
    queue: status.queue(),
    destinations: status.destinations(),
    usage: ownUsage(),
  }
}

/** Resolves with the exit code when the worker has stopped: because it was told to, was sent a signal, or has no parent any more. */
export async function runChild(channel: Channel, deps: ChildDeps): Promise<number> {
  const end = Promise.withResolvers<number>()
  let pipeline: Pipeline | undefined
  let stopping = false

  const start = async ({ worker, config, instanceId, claimPorts, terminal }: WorkerStart): Promise<void> => {
    const log = createLog({ ...config.log, terminal, fields: { worker } })
    try {
      const started = await startPipeline(config, {
        log,
        version: deps.version,
        nowMs: Date.now,
        random: Math.random,
        instanceId,
        switches: switchesOf(config, instanceId),
        sharePorts: true,
        claimPorts,
        leads: worker === 1,
        setLogLevel: log.setLevel,
      })
      pipeline = started
      collectStartGarbage()
      await channel.send({ kind: 'started', report: reportOf(started) })
    } catch (error) {
      await channel.send({ kind: 'failed', error: plainError(error) })
      end.resolve(2)
    }
  }

  /** As JSON, made here: the parent only hands it on. */
  const pageOf = async (path: string, query: Readonly<Record<string, string>>): Promise<string | undefined> => {
    try {
      const found = await pipeline?.status.page?.(path, query)
      return found === undefined ? undefined : JSON.stringify(found.content ?? null)
    } catch (error) {
      return JSON.stringify({ error: plainError(error).message })
    }
  }

  const stop = async (deadlineMs: number): Promise<void> => {
    if (stopping) return
    stopping = true
    await starting
    if (pipeline !== undefined) {
      const outcome = await pipeline.stop(deadlineMs)
      await channel.send({ kind: 'stopped', outcome, report: reportOf(pipeline) })
    }
    end.resolve(0)
  }

  let starting: Promise<void> = Promise.resolve()
  channel.onMessage((message) => {
    switch (message.kind) {
      case 'start':
        starting = start(message)
        break
      case 'report':
        if (pipeline !== undefined) void channel.send({ kind: 'report', call: message.call, report: reportOf(pipeline) })
        break
      case 'reload':
        void pipeline?.reload(message.config, message.claimPorts).then(
          (outcome) => channel.send({ kind: 'reloaded', call: message.call, outcome }),
          (error) => channel.send({ kind: 'reloaded', call: message.call, outcome: plainError(error) }),
        )
        break
      case 'page':
        void pageOf(message.path, message.query).then((json) => channel.send({ kind: 'page', call: message.call, json }))
        break
      case 'stop':
        void stop(message.deadlineMs)
    }
  })
  const leave = (): void => void stop(deps.stopDeadlineMs)
  channel.onClosed(leave)
  if (deps.signal.aborted) leave()
  else deps.signal.addEventListener('abort', leave, { once: true })
  return end.promise
}
