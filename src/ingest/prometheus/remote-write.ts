/** What stands behind the endpoint of remote-write: loaded with the first request, so the endpoint knows its shape only. */

import type { PrometheusTranslateConfig } from '../../translate/prometheus/config.ts'
import type { UserMapping } from '../../translate/prometheus/user-mapping.ts'
import type { FormatContext } from '../format.ts'
import type { Receipt, Receiver } from '../receive.ts'
import type { PrometheusConfig } from './config.ts'
import type { Version } from './negotiate.ts'

/** What was refused for one reason. */
export interface WriteRefusal {
  readonly reason: string
  /** Samples and native histograms; 0: something beside them, such as an exemplar. */
  readonly count: number
  /** The first of them: names the series and says why. */
  readonly example: string
}

/** What became of one request. */
export interface WriteReceipt extends Receipt {
  /** Written, as 2.0 counts it in its headers: everything but what was refused. */
  readonly samples: number
  readonly histograms: number
  readonly exemplars: number
  /** Not empty: the sender is told 400. */
  readonly reasons: readonly WriteRefusal[]
}

/** The way in for one version and tenant: its `put` gives a {@link WriteReceipt}. */
export interface WriteReceiver extends Receiver {
  put(...body: Parameters<Receiver['put']>): Promise<WriteReceipt>
}

export interface RemoteWrite {
  /** Cheap, and asked for each request; nothing is kept for a tenant before data of it comes. */
  receiver(version: Version, tenant: string): WriteReceiver
  /** Sends or keeps what waits, and saves what is remembered. No receiver is used any more. */
  stop(deadlineMs: number): Promise<void>
  /** Sentences for health; empty when all is well. */
  trouble(): readonly string[]
  /** Sentences about what should be looked at although all works. */
  warnings(): readonly string[]
  /** The answer of `/api/metrics/types`: the type of each metric, and why. @param query of the request, for a part of it */
  types(query: Readonly<Record<string, string>>): unknown
}

export interface RemoteWriteContext extends FormatContext<PrometheusTranslateConfig> {
  /** The file of `translate.prometheus.mapping`, read; undefined without one. */
  readonly mapping: UserMapping | undefined
  /** Inflates bodies: those that were kept. */
  readonly uncompress: (body: Uint8Array) => Uint8Array
}

/** @param config with `state.path` filled in, unless there is none */
export type CreateRemoteWrite = (
  config: PrometheusConfig,
  translate: PrometheusTranslateConfig,
  context: RemoteWriteContext,
) => Promise<RemoteWrite>
