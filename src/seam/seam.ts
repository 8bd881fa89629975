/**
 * The bridge's side of the seam (mapping backfill.md §3.6): notes when each format, and each service, was first taken, and for half an hour after that what
 * was taken, so that a back-fill can end where live data begins. Stands right before the queue; what the queue does not take is not noted. After the hour a
 * request costs one look-up, and one for each of its services.
 */

import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { EncodedBatch, Holding, Intake, Signal, Staging } from '../otlp/intake.ts'
import { eachIdentity } from '../otlp/seam-identity.ts'
import type { Logger } from '../telemetry/log.ts'
import { FirstSeen } from './first-seen.ts'
import { createIndexWriter, type IndexWriter } from './index-writer.ts'
import { keptMs, mostKeys, openSeamFile, readFormats, readKeys, seamFolder, streamsKeptMs, writeFormat, writeKey } from './layout.ts'

export interface SeamDeps {
  /** Folder of the disk queue. */
  readonly dataPath: string
  readonly log: Logger
  /** Wall clock, ms. */
  readonly nowMs: () => number
  /** Calls back again and again; returns what ends that. Default: a timer that does not keep the process alive. */
  readonly every?: (ms: number, call: () => void) => () => void
}

export interface Seam {
  /** Notes what is put through it. Nothing that goes wrong with that keeps a request from being taken. */
  intake(inner: Intake): Intake
  /** Writes the rest and closes the files. */
  stop(): void
}

const defaultEvery = (ms: number, call: () => void): (() => void) => {
  const timer = setInterval(call, ms)
  timer.unref()
  return () => clearInterval(timer)
}

/** A format's items of one signal. */
interface State {
  readonly format: string
  readonly signal: Signal
  /** Undefined: none was acknowledged yet. */
  firstMs: number | undefined
  /** Until then items are noted. */
  untilMs: number
  leastMs: number
  full: boolean
  /** What the file does not have yet. */
  isUnwritten: boolean
  /** Services → until when their items are noted, where those of the format are not any more. Traces only. */
  readonly keys: Map<string, number>
  readonly unwrittenKeys: Map<string, number>
  streams: FirstSeen
  writer: IndexWriter | undefined
}

/** What a batch is known by, until it is acknowledged. */
interface Noted {
  readonly state: State
  readonly atMs: number
  readonly words: Int32Array
  count: number
  leastMs: number
  readonly keys: readonly string[]
}

const noWords = new Int32Array(0)
/** Nothing is noted, and nobody is told so often. */
const complainEveryMs = 60_000

/** Creates the notes. Nothing is opened before the first batch. */
export function createSeam(deps: SeamDeps): Seam {
  const { dataPath, log, nowMs } = deps
  const owner = `${process.pid}-${randomBytes(4).toString('hex')}`
  const states: Readonly<Record<Signal, Map<string, State>>> = { traces: new Map(), metrics: new Map(), logs: new Map() }
  const float = new Float64Array(1)
  const floatWords = new Int32Array(float.buffer)
  let db: DatabaseSync | undefined
  let stopTicking: (() => void) | undefined
  let complainedMs = Number.NEGATIVE_INFINITY
  let stopped = false

  const complain = (error: unknown): void => {
    if (nowMs() - complainedMs < complainEveryMs) return
    complainedMs = nowMs()
    log.warn(
      { error, folder: seamFolder(dataPath) },
      'cannot note what was taken first: a back-fill up to the cutover may repeat some of it',
    )
  }

  const attempt = (work: () => void): boolean => {
    try {
      work()
      return true
    } catch (error) {
      complain(error)
      return false
    }
  }

  const file = (): DatabaseSync => {
    if (db === undefined) {
      mkdirSync(seamFolder(dataPath), { recursive: true, mode: 0o700 })
      db = openSeamFile(dataPath, 'write')
    }
    return db
  }

  const windowOf = (signal: Signal): number => (signal === 'metrics' ? streamsKeptMs : keptMs)

  /** What earlier runs, and the other workers, have noted of it. */
  const stateOf = (format: string, signal: Signal): State => {
    let state = states[signal].get(format)
    if (state !== undefined) return state
    state = {
      format,
      signal,
      firstMs: undefined,
      untilMs: Number.POSITIVE_INFINITY,
      leastMs: Number.POSITIVE_INFINITY,
      full: false,
      isUnwritten: false,
      keys: new Map(),
      unwrittenKeys: new Map(),
      streams: new FirstSeen(),
      writer: undefined,
    }
    const made = state
    states[signal].set(format, made)
    attempt(() => {
      const known = readFormats(file()).find((one) => one.format === format && one.signal === signal)
      if (known !== undefined) {
        made.firstMs = known.firstMs
        made.untilMs = known.firstMs + windowOf(signal)
        made.full = known.full
      }
      if (signal === 'traces') for (const { key, firstMs } of readKeys(file(), format)) made.keys.set(key, firstMs + keptMs)
    })
    // Closes the file again where there is nothing to note any more.
    stopTicking ??= (deps.every ?? defaultEvery)(1000, tick)
    return made
  }

  const noneNew: readonly string[] = []

  /** Services that were never met before. */
  const newKeys = (state: State, batch: EncodedBatch): readonly string[] => {
    let found: string[] | undefined
    if (state.signal !== 'traces' || state.keys.size >= mostKeys) return noneNew
    for (const { service } of batch.keys ?? []) {
      if (service === '' || state.keys.has(service) || found?.includes(service) === true) continue
      found ??= []
      found.push(service)
    }
    return found ?? noneNew
  }

  const isWithin = (state: State, batch: EncodedBatch, atMs: number): boolean => {
    if (atMs < state.untilMs) return true
    for (const { service } of state.signal === 'traces' ? (batch.keys ?? []) : []) if (atMs < (state.keys.get(service) ?? 0)) return true
    return false
  }

  /** Looks at a batch before it is the queue's; undefined: there is nothing to note. */
  const look = (batch: EncodedBatch): Noted | undefined => {
    if (batch.items === 0 || stopped) return undefined
    const state = stateOf(batch.format, batch.signal)
    const atMs = nowMs()
    const keys = newKeys(state, batch)
    if (keys.length === 0 && !isWithin(state, batch, atMs)) return undefined
    const isStreams = batch.signal === 'metrics'
    const noted: Noted = {
      state,
      atMs,
      words: state.full ? noWords : new Int32Array(batch.items * (isStreams ? 4 : 2)),
      count: 0,
      leastMs: Number.POSITIVE_INFINITY,
      keys,
    }
    try {
      eachIdentity(batch.signal, batch.data, (low, high, timeMs) => {
        if (timeMs < noted.leastMs) noted.leastMs = timeMs
        if (noted.count === noted.words.length) return
        if (isStreams) {
          if (!state.streams.isNews(low, high, timeMs)) return
          float[0] = timeMs
          noted.words[noted.count + 2] = floatWords[0] as number
          noted.words[noted.count + 3] = floatWords[1] as number
        }
        noted.words[noted.count] = low
        noted.words[noted.count + 1] = high
        noted.count += isStreams ? 4 : 2
      })
    } catch {
      // Passed through as it came: nobody can say what is in it.
    }
    return noted
  }

  const writeNotes = (state: State): void => {
    if (state.isUnwritten && state.firstMs !== undefined) {
      writeFormat(file(), {
        format: state.format,
        signal: state.signal,
        firstMs: state.firstMs,
        leastMs: Number.isFinite(state.leastMs) ? state.leastMs : undefined,
        keptMs: windowOf(state.signal),
        full: state.full,
      })
      state.isUnwritten = false
    }
    for (const [key, firstMs] of state.unwrittenKeys) {
      writeKey(file(), { format: state.format, key, firstMs })
      state.unwrittenKeys.delete(key)
    }
  }

  /** Streams are kept as met, so that they are not written with every point. */
  const remember = ({ state, words, count }: Noted): void => {
    for (let at = 0; at < count; at += 4) {
      floatWords[0] = words[at + 2] as number
      floatWords[1] = words[at + 3] as number
      state.streams.put(words[at] as number, words[at + 1] as number, float[0] as number)
    }
  }

  /** The queue has it: the client is not told before this is done. */
  const taken = (noted: Noted | undefined): void => {
    if (noted === undefined || stopped) return
    const { state, atMs, words, count, keys } = noted
    const isFirst = state.firstMs === undefined
    if (state.firstMs === undefined || atMs < state.firstMs) {
      state.firstMs = atMs
      state.untilMs = atMs + windowOf(state.signal)
      state.isUnwritten = true
    }
    if (noted.leastMs < state.leastMs && atMs < state.untilMs) {
      state.leastMs = noted.leastMs
      state.isUnwritten = true
    }
    for (const key of keys) {
      if (state.keys.has(key)) continue
      state.keys.set(key, atMs + keptMs)
      state.unwrittenKeys.set(key, atMs)
    }
    // Once for a format; what is only less than before waits for the next second.
    if (isFirst || keys.length > 0) attempt(() => writeNotes(state))
    if (count > 0 && !state.full) {
      if (state.signal === 'metrics') remember(noted)
      attempt(() => (state.writer ??= createIndexWriter(dataPath, state.signal, state.format, owner)).add(words, count))
    }
    stopTicking ??= (deps.every ?? defaultEvery)(1000, tick)
  }

  /** True while there is something to come back for. */
  const tend = (state: State, atMs: number): boolean => {
    const { writer } = state
    attempt(() => {
      writer?.flush()
      if (writer !== undefined && !state.full && writer.isFull()) {
        state.full = true
        state.isUnwritten = true
      }
      writeNotes(state)
    })
    let untilMs = state.firstMs === undefined ? 0 : state.untilMs
    for (const until of state.keys.values()) untilMs = Math.max(untilMs, until)
    if (atMs < untilMs || state.isUnwritten || state.unwrittenKeys.size > 0) return true
    attempt(() => writer?.close())
    state.writer = undefined
    state.streams = new FirstSeen()
    return false
  }

  const tick = (): void => {
    const atMs = nowMs()
    let going = false
    for (const each of Object.values(states)) for (const state of each.values()) if (tend(state, atMs)) going = true
    if (going) return
    stopTicking?.()
    stopTicking = undefined
    db?.close()
    db = undefined
  }

  const stageOf = (inner: Intake): Staging => {
    const staging = inner.stage()
    const parts: (Noted | undefined)[] = []
    return {
      add(batch) {
        parts.push(look(batch))
        return staging.add(batch)
      },
      async commit() {
        await staging.commit()
        parts.forEach(taken)
      },
      discard: () => staging.discard(),
    }
  }

  const holdingOf = (holding: Holding): Holding => ({
    async put(batch, keep) {
      const noted = batch === undefined ? undefined : look(batch)
      const id = await holding.put(batch, keep)
      taken(noted)
      return id
    },
    release: (id) => holding.release(id),
    recover: () => holding.recover(),
  })

  return {
    intake: (inner) => ({
      put(batch) {
        const noted = look(batch)
        return noted === undefined ? inner.put(batch) : inner.put(batch).then(() => taken(noted))
      },
      stage: () => stageOf(inner),
      refusal: (mirror) => inner.refusal(mirror),
      ...(inner.holding === undefined
        ? {}
        : {
            holding(name, options) {
              const holding = inner.holding?.(name, options)
              return holding && holdingOf(holding)
            },
          }),
    }),
    stop() {
      stopTicking?.()
      stopTicking = undefined
      for (const each of Object.values(states)) {
        for (const state of each.values()) {
          attempt(() => writeNotes(state))
          attempt(() => state.writer?.close())
        }
      }
      stopped = true
      attempt(() => db?.close())
      db = undefined
    },
  }
}
