/**
 * What a bridge with several workers says to them and hears from them, over the channel between a parent process and its children.
 * Both ends are the same program in the same version: nothing here is kept or public.
 */

import type { DestinationStatus, ListenerStatus, QueueStatus } from '../admin/status.ts'
import type { Config } from '../config/compose.ts'
import type { ErrorCode } from '../errors.ts'
import type { StopReport } from '../pipeline.ts'
import type { ReloadReport } from '../reload.ts'
import type { ProcessUsage } from '../telemetry/exposition.ts'
import type { Reason } from '../telemetry/health.ts'
import type { MetricName } from '../telemetry/metrics.ts'

/** How a worker is started. */
export interface WorkerStart {
  readonly kind: 'start'
  /** From 1. */
  readonly worker: number
  /** Whole, with ports and sizes as this worker is to have them. */
  readonly config: Config
  /** The same for all workers: who gets his own output back knows it by this name. */
  readonly instanceId: string
  /** True for the one that finds out whether a stranger has a port. */
  readonly claimPorts: boolean
  readonly terminal: boolean
}

/** From the parent. Each but `stop` is answered by a message with the same `call`. */
export type ToWorker =
  | WorkerStart
  | { readonly kind: 'report'; readonly call: number }
  | { readonly kind: 'reload'; readonly call: number; readonly config: Config; readonly claimPorts: boolean }
  | { readonly kind: 'page'; readonly call: number; readonly path: string; readonly query: Readonly<Record<string, string>> }
  | { readonly kind: 'stop'; readonly deadlineMs: number }

/** An error as it travels. */
export interface PlainError {
  /** Undefined for what is not a BridgeError. */
  readonly code: ErrorCode | undefined
  readonly message: string
  readonly place: string
}

/** A series as it travels: a histogram has `counts` and `sum` instead of `value`. */
export type PlainCell =
  | { readonly labels: Readonly<Record<string, string>>; readonly value: number }
  | { readonly labels: Readonly<Record<string, string>>; readonly counts: readonly number[]; readonly sum: number }

export type PlainSeries = readonly (readonly [name: MetricName, cells: readonly PlainCell[]])[]

/** Everything a worker knows of itself, at one moment. */
export interface WorkerReport {
  readonly series: PlainSeries
  readonly reasons: readonly Reason[]
  readonly warnings: readonly Reason[]
  readonly listeners: readonly ListenerStatus[]
  readonly queue: QueueStatus
  readonly destinations: readonly DestinationStatus[]
  readonly usage: ProcessUsage
}

export type FromWorker =
  | { readonly kind: 'started'; readonly report: WorkerReport }
  /** It ends by itself after this. */
  | { readonly kind: 'failed'; readonly error: PlainError }
  | { readonly kind: 'report'; readonly call: number; readonly report: WorkerReport }
  | { readonly kind: 'reloaded'; readonly call: number; readonly outcome: ReloadReport | PlainError }
  /** `json` is undefined when it has no such page. */
  | { readonly kind: 'page'; readonly call: number; readonly json: string | undefined }
  | { readonly kind: 'stopped'; readonly outcome: StopReport; readonly report: WorkerReport }
