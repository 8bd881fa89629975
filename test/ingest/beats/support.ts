/** A batcher that keeps what it is given, and a connection without sockets. */

import { readFileSync } from 'node:fs'
import { type BeatsConfig, beatsConfig, frameLimitsOf } from '../../../src/ingest/beats/config.ts'
import { type Connection, type ConnectionDeps, createConnection, type Wire } from '../../../src/ingest/beats/connection.ts'
import { createCounters } from '../../../src/ingest/beats/counters.ts'
import { createGatherer } from '../../../src/ingest/beats/gather.ts'
import { createWindowMemory } from '../../../src/ingest/beats/memory.ts'
import { createPeerLog } from '../../../src/ingest/beats/peer-log.ts'
import { createPieceMemory } from '../../../src/ingest/beats/piece.ts'
import { createProgress } from '../../../src/ingest/beats/progress.ts'
import { createStorer } from '../../../src/ingest/beats/store.ts'
import { type DocumentBatcher, DocumentFate, type DocumentIds, type DocumentPart } from '../../../src/ingest/documents.ts'
import { createDuplicates } from '../../../src/ingest/duplicates.ts'
import { createItemBooks, createRequestBooks } from '../../../src/ingest/receive.ts'
import { type Ack, readAcks } from '../../support/lumberjack.ts'
import { vectorFiles } from '../../support/shared.ts'
import type { FakeDeps } from '../support/fakes.ts'

/** What stands for an encoded log record: its document's text, a line each; events that could not be read begin with `raw:`. */
export function createFakeBatcher(): DocumentBatcher & { readonly why: string[] } {
  const why: string[] = []
  let lines: string[] = []
  let piece: Uint8Array = new Uint8Array(0)
  let reason = ''
  let message = ''
  let ids: DocumentIds | undefined
  const text = (start: number, end: number): string => Buffer.from(piece.subarray(start, end)).toString()
  return {
    why,
    index: (name) => ({ name }),
    open(bytes) {
      piece = bytes
    },
    remember(whom) {
      ids = whom
    },
    add(start, end) {
      try {
        const document: unknown = JSON.parse(text(start, end))
        if (typeof document !== 'object' || document === null || Array.isArray(document)) {
          reason = 'not_object'
          message = 'it is no JSON object'
          return DocumentFate.Refused
        }
        const own = (document as { '@metadata'?: { _id?: string; op_type?: string } })['@metadata']
        if (own?._id !== undefined && own.op_type === 'create' && ids !== undefined) {
          if (ids.has('', own._id)) {
            reason = 'duplicate'
            return DocumentFate.Discarded
          }
          ids.keep()
        }
        lines.push(text(start, end))
        return DocumentFate.Log
      } catch {
        reason = 'json'
        message = 'cannot read document: no JSON at byte 0'
        return DocumentFate.Refused
      }
    },
    addRaw(start, end, _meta, attribute, words) {
      lines.push(`raw:${text(start, end)}`)
      why.push(`${attribute}: ${words}`)
    },
    weight: 0,
    get reason() {
      return reason
    },
    get message() {
      return message
    },
    notes: () => [],
    take(): readonly DocumentPart[] {
      const data = Buffer.from(lines.map((line) => `${line}\n`).join(''))
      const items = lines.length
      lines = []
      return items === 0 ? [] : [{ signal: 'logs', items, documents: items, data, services: [] }]
    },
    clear() {
      lines = []
    },
  }
}

/** Lines that the intake of {@link FakeDeps} was given. */
export const linesOf = ({ fake }: FakeDeps): string[] =>
  fake.batches.flatMap(({ data }) => Buffer.from(data).toString().split('\n').slice(0, -1))

/** A wire that remembers. */
export interface FakeWire extends Wire {
  readonly acks: Ack[]
  readonly finals: number[]
  isPaused: boolean
  isEnded: boolean
  isDestroyed: boolean
  unsent: number
}

export function createFakeWire(): FakeWire {
  const wire: FakeWire = {
    acks: [],
    finals: [],
    isPaused: false,
    isEnded: false,
    isDestroyed: false,
    unsent: 0,
    write(bytes) {
      const [ack] = readAcks(bytes) as [Ack]
      wire.acks.push(ack)
      if (ack.sequence > 0) wire.finals.push(ack.sequence)
    },
    pause() {
      wire.isPaused = true
    },
    resume() {
      wire.isPaused = false
    },
    end() {
      wire.isEnded = true
    },
    destroy() {
      wire.isDestroyed = true
    },
  }
  return wire
}

/** What all connections of a listener share. @param knobs of `ingest.beats` */
export function createShared(
  deps: FakeDeps,
  knobs: object = {},
): ConnectionDeps & { readonly batcher: ReturnType<typeof createFakeBatcher> } {
  const config: BeatsConfig = beatsConfig.parse(knobs)
  const monotonicMs = (): number => performance.now()
  const counters = createCounters(deps.metrics)
  const books = createItemBooks('beats', deps, 'dropped', 'logs')
  const batcher = createFakeBatcher()
  return {
    batcher,
    frames: frameLimitsOf(config),
    inflate: { maxBytes: config.maxInflated, maxRatio: config.limits.ratio },
    gatherer: createGatherer({ ...deps, batcher, counters, books }),
    memory: createPieceMemory(),
    duplicates: createDuplicates({ ids: config.dedupe.ids, ttlMs: config.dedupe.ttl, nowMs: deps.nowMs }),
    counters,
    monotonicMs,
    storer: createStorer(deps, books),
    windows: createWindowMemory(config.limits.memory, counters.windowBytes),
    progress: createProgress('ingest.beats', monotonicMs),
    peers: createPeerLog(deps.log, deps.nowMs),
    log: deps.log,
    requests: createRequestBooks('beats', 'tcp', deps),
    keepaliveMs: config.keepalive,
    inactivityMs: config.clientInactivityTimeout,
    progressMs: config.progressTimeout,
  }
}

export interface Opened {
  readonly connection: Connection
  readonly wire: FakeWire
}

export function open(shared: ConnectionDeps, members: Uint8Array = new Uint8Array(0)): Opened {
  const wire = createFakeWire()
  return { wire, connection: createConnection('192.0.2.1', wire, members, shared) }
}

interface RecordedConnection {
  readonly client: string
  readonly frames: readonly { readonly type: string; readonly depth: number; readonly window?: number; readonly sequence?: number }[]
  readonly documents_file: string
}

/** One connection of a recorded case. */
export interface Recording {
  readonly name: string
  readonly client: Buffer
  /** Text of the documents, byte for byte. */
  readonly documents: readonly string[]
  /** The final acks that are right. */
  readonly finals: readonly number[]
}

/** Every connection of the shared recordings. */
export function recordings(): Recording[] {
  return vectorFiles('beats')
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => {
      const { connections } = JSON.parse(readFileSync(file, 'utf8')) as { connections: RecordedConnection[] }
      return connections.map(({ client, frames, documents_file }) => {
        const beside = (name: string): string => file.replace(/[^/]*$/, name)
        // Numbers begin at 1 in every window, but for one client that says so in its frames.
        let before = 0
        const runs = file.includes('running')
        const finals = frames
          .filter(({ type, depth }) => type === 'W' && depth === 0)
          .map(({ window = 0 }) => {
            before = runs ? before + window : window
            return before
          })
        return {
          name: client,
          client: readFileSync(beside(client)),
          documents: readFileSync(beside(documents_file), 'utf8').split('\n').slice(0, -1),
          finals,
        }
      })
    })
}
