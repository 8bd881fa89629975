/** The engine of remote-write with a hand on its clock, its queue and what the queue keeps. */

import { createRequire } from 'node:module'
import { createEngine, type Engine } from '../../../src/ingest/prometheus/engine.ts'
import type { Holdings } from '../../../src/ingest/prometheus/keeping.ts'
import type { WriteReceipt } from '../../../src/ingest/prometheus/remote-write.ts'
import type { EncodedBatch, Holding, Kept } from '../../../src/otlp/intake.ts'
import { createState, type PrometheusState } from '../../../src/translate/prometheus/state.ts'
import { snappyBody, type Version } from '../../support/remote-write.ts'
import {
  nowMs,
  type PlainMetadata,
  type PlainPoint,
  type PlainSeries,
  pointsOf,
  translateOptions,
  writeBody,
  writeLimits,
} from '../../support/writing.ts'
import { createFakeDeps, type FakeDeps, openBooks } from './fakes.ts'

const { uncompressSync } = createRequire(import.meta.url)('snappy') as { uncompressSync(body: Uint8Array): Uint8Array }

/** What outlives a process: records by name, in the order in which they were stored. */
export class FakeStore {
  readonly records = new Map<number, { readonly name: string; readonly data: Uint8Array }>()
  private lastId = 0

  /** A holder within a process, that dies with it. */
  holding(name: string, deps: FakeDeps): Holding {
    let left: readonly Kept[] | undefined = this.kept(name)
    return {
      put: async (batch, data) => {
        await deps.intake.put(batch ?? nothing)
        this.records.set(++this.lastId, { name, data })
        return this.lastId
      },
      release: (id) => {
        for (const [one, record] of this.records) if (one <= id && record.name === name) this.records.delete(one)
      },
      recover: async () => {
        const given = left ?? []
        left = undefined
        return given
      },
    }
  }

  kept(name: string): Kept[] {
    return [...this.records].filter(([, record]) => record.name === name).map(([id, { data }]) => ({ id, data }))
  }
}

const nothing: EncodedBatch = { format: 'prometheus', signal: 'metrics', items: 0, data: new Uint8Array(0) }

export interface BenchOptions {
  /** Undefined: the queue keeps nothing. */
  readonly store?: FakeStore | undefined
  readonly seed?: readonly [number, number, number, number]
  readonly nowMs?: number
}

export class EngineBench {
  readonly deps: FakeDeps
  readonly state: PrometheusState
  readonly engine: Engine
  nowMs: number
  tenant = ''
  private gate: PromiseWithResolvers<void> | undefined

  constructor(options: object = {}, { store, seed = [1, 2, 3, 4], nowMs: now = nowMs }: BenchOptions = {}) {
    this.nowMs = now
    const deps = createFakeDeps(() => this.nowMs)
    this.deps = { ...deps, intake: { ...deps.intake, put: (batch) => this.take(deps, batch) } }
    this.state = createState({ translate: translateOptions(options), version: '1.2.3', seed })
    const holdings: Holdings | undefined = store && {
      requests: store.holding('requests', this.deps),
      sent: store.holding('sent', this.deps),
    }
    const { intake, metrics, log } = this.deps
    const uncompress = (body: Uint8Array): Uint8Array => new Uint8Array(uncompressSync(body))
    this.engine = createEngine({
      intake,
      metrics,
      log,
      nowMs: () => this.nowMs,
      state: this.state,
      limits: writeLimits,
      holdings,
      uncompress,
    })
  }

  /** As the fake's own; while the gate is closed nobody knows how it ends. */
  private async take({ intake, metrics }: FakeDeps, batch: EncodedBatch): Promise<void> {
    const { queued } = metrics.books(batch.format, batch.signal).at('default')
    if (this.deps.fake.putError === undefined && this.gate !== undefined) {
      queued.value += batch.items
      try {
        await this.gate.promise
      } finally {
        queued.value -= batch.items
      }
    }
    await intake.put(batch)
  }

  /** Puts wait from now on. */
  close(): void {
    this.gate ??= Promise.withResolvers<void>()
    this.gate.promise.catch(() => {})
  }

  /** Puts go on, or end with an error. */
  open(error?: Error): void {
    if (error === undefined) this.gate?.resolve()
    else this.gate?.reject(error)
    this.gate = undefined
  }

  put(version: Version, body: Uint8Array): Promise<WriteReceipt> {
    const wire = snappyBody(body)
    const translated = this.engine.translate(version, body, wire, this.tenant)
    // As the memory of a socket, which is used again.
    wire.fill(0)
    return this.engine.put(translated)
  }

  write(version: Version, series: readonly PlainSeries[], metadata: readonly PlainMetadata[] = []): Promise<WriteReceipt> {
    return this.put(version, writeBody(version, series, metadata))
  }

  async after(passedMs: number): Promise<void> {
    this.nowMs += passedMs
    await this.engine.flush()
  }

  /** Points that were put since the last time. */
  points(): PlainPoint[] {
    return pointsOf(this.deps.fake.batches.splice(0).map(({ data }) => data))
  }

  /** Formats whose books are not even. */
  uneven(): readonly string[] {
    return openBooks(this.deps.metrics)
  }

  async recover(store: FakeStore): Promise<void> {
    await this.engine.recover(store.kept('requests'), store.kept('sent'))
  }
}
