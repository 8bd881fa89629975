/**
 * The switches of a cutover: phase, answer, shares and pause of every mirrored endpoint, kept in a small file that all processes of the bridge
 * read, with a record of who moved what. What was switched wins over the configuration until the configuration itself says something else.
 */

import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BridgeError } from '../errors.ts'
import { type FileWatch, watchFiles } from '../net/watch-files.ts'
import type { Logger } from '../telemetry/log.ts'
import { type Change, type ChangeRequest, type Cutover, type EndpointState, type Phase, phases, type Share } from './model.ts'
import { ruleOfPhase, shareFault, shareIn, stepsForward } from './phase-rules.ts'

/** What the configuration says of an endpoint. */
export interface ConfiguredEndpoint {
  readonly phase: Phase
  /** Undefined: the phase's. */
  readonly answer: EndpointState['answer'] | undefined
  readonly share: Share
  readonly until: string | undefined
}

export interface CutoverOptions {
  /** Where switches are kept; undefined: in memory, and a restart begins with the configuration. */
  readonly file: string | undefined
  readonly endpoints: ReadonlyMap<string, ConfiguredEndpoint>
}

export interface CutoverDeps {
  readonly nowMs: () => number
  readonly log: Logger
  /** What stands against going to a phase, one sentence each; empty when nothing does. */
  readonly unmet?: (state: EndpointState, to: Phase) => Promise<readonly string[]>
  /** How often the file is looked at for what other processes changed. */
  readonly lookMs?: number
}

export interface RunningCutover extends Cutover {
  /**
   * Another configuration: endpoints that come begin as it says, those that go are forgotten when they do not come back.
   * @param comingAlone what it says of others is left for later: other processes may be further
   */
  reconfigure(endpoints: ReadonlyMap<string, ConfiguredEndpoint>, comingAlone?: boolean): Promise<void>
  close(): void
}

/** Changes that are remembered. */
const changesKept = 1000

/** An endpoint in the file. */
interface Stored {
  readonly phase: Phase
  /** Undefined: the phase's. */
  readonly answer?: EndpointState['answer'] | undefined
  readonly share: Share
  readonly paused: boolean
  readonly revision: number
  readonly sinceMs: number
  /** What the configuration said when this was written. */
  readonly configured: string
}

interface Content {
  readonly version: 1
  readonly endpoints: Record<string, Stored>
  readonly changes: readonly Change[]
}

const isShare = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= 1

const isStored = (one: unknown): one is Stored => {
  const { phase, share, revision, configured } = (one ?? {}) as Partial<Stored>
  return (
    phases.includes(phase as Phase) &&
    isShare(share?.new) &&
    isShare(share.old) &&
    typeof revision === 'number' &&
    typeof configured === 'string'
  )
}

const textOf = ({ phase, answer, share }: ConfiguredEndpoint): string => JSON.stringify([phase, answer ?? null, share.new, share.old])

const begin = (one: ConfiguredEndpoint, revision: number, sinceMs: number): Stored => ({
  phase: one.phase,
  answer: one.answer,
  share: { new: one.share.new, old: one.share.old },
  paused: false,
  revision,
  sinceMs,
  configured: textOf(one),
})

const printShare = (value: number): string => `${Math.round(value * 1e4) / 100}%`

/** One line a switch that is other than before. */
function* differences(from: EndpointState, to: EndpointState): Generator<Pick<Change, 'what' | 'from' | 'to'>> {
  if (from.phase !== to.phase) yield { what: 'phase', from: from.phase, to: to.phase }
  if (from.answer !== to.answer) yield { what: 'answer', from: from.answer, to: to.answer }
  if (from.share.new !== to.share.new) yield { what: 'share.new', from: printShare(from.share.new), to: printShare(to.share.new) }
  if (from.share.old !== to.share.old) yield { what: 'share.old', from: printShare(from.share.old), to: printShare(to.share.old) }
  if (from.paused !== to.paused) yield { what: 'paused', from: from.paused ? 'paused' : 'running', to: to.paused ? 'paused' : 'running' }
}

/** Opens the switches. A file that cannot be read is set aside and said: then the configuration holds. Rejects when the folder cannot be made. */
export async function createCutover(options: CutoverOptions, deps: CutoverDeps): Promise<RunningCutover> {
  const { nowMs, log } = deps
  const { file } = options
  let configured = options.endpoints
  let stored = new Map<string, Stored>()
  let changes: readonly Change[] = []
  const listeners = new Set<(state: EndpointState) => void>()
  let watch: FileWatch | undefined
  /** One change after the other. */
  let turn: Promise<unknown> = Promise.resolve()

  const stateOf = (endpoint: string, one: Stored): EndpointState => ({
    endpoint,
    phase: one.phase,
    answer: one.answer ?? ruleOfPhase(one.phase).answer,
    share: shareIn(one.phase, one.share),
    paused: one.paused,
    until: configured.get(endpoint)?.until,
    revision: one.revision,
    sinceMs: one.sinceMs,
  })

  let states = new Map<string, EndpointState>()

  /** Takes over what holds from now on, and tells who listens. */
  const publish = (): void => {
    const before = states
    states = new Map()
    for (const endpoint of configured.keys()) {
      const one = stored.get(endpoint)
      if (one === undefined) continue
      const old = before.get(endpoint)
      const same = old?.revision === one.revision && old.until === configured.get(endpoint)?.until
      states.set(endpoint, same ? old : stateOf(endpoint, one))
    }
    for (const [endpoint, state] of states) if (before.get(endpoint) !== state) for (const listener of listeners) listener(state)
  }

  const read = async (): Promise<void> => {
    if (file === undefined) return
    let text: string
    try {
      text = await readFile(file, 'utf8')
    } catch {
      return
    }
    try {
      const content = JSON.parse(text) as Content
      if (content.version !== 1 || !Object.values(content.endpoints).every(isStored)) throw new Error('it is of another version')
      stored = new Map(Object.entries(content.endpoints))
      changes = content.changes
    } catch (error) {
      const aside = `${file}.bad-${nowMs()}`
      await rename(file, aside)
      log.error({ file: aside, error }, 'the switches of the cutover cannot be read: the file was set aside, and the configuration holds')
    }
  }

  const write = async (): Promise<void> => {
    if (file === undefined) return
    const content: Content = { version: 1, endpoints: Object.fromEntries(stored), changes }
    await mkdir(dirname(file), { recursive: true })
    const next = `${file}.${randomBytes(4).toString('hex')}`
    try {
      await writeFile(next, `${JSON.stringify(content, null, 1)}\n`, { mode: 0o600, flush: true })
      await rename(next, file)
    } catch (error) {
      await rm(next, { force: true })
      const why = error instanceof Error ? error.message : String(error)
      throw new BridgeError('OB_QUEUE_BROKEN', `cannot keep the switches of the cutover: ${why}`, { place: file, cause: error })
    }
  }

  const keep = (endpoint: string, from: EndpointState, next: Stored, who: string, reason: string, forced: boolean): void => {
    const to = stateOf(endpoint, next)
    const made = [...differences(from, to)].map((one): Change => ({ atMs: nowMs(), who, endpoint, ...one, reason, forced }))
    stored.set(endpoint, next)
    changes = [...changes, ...made].slice(-changesKept)
    for (const one of made) log.info({ ...one }, `cutover: ${one.what} of ${endpoint} is ${one.to}, was ${one.from}`)
  }

  /** Endpoints that are new, or of which the configuration says something new. */
  const followConfiguration = async (comingAlone = false): Promise<void> => {
    let isOther = false
    for (const [endpoint, one] of configured) {
      const known = stored.get(endpoint)
      if (known?.configured === textOf(one) || (comingAlone && known !== undefined)) continue
      isOther = true
      if (known === undefined) stored.set(endpoint, begin(one, 1, nowMs()))
      else keep(endpoint, stateOf(endpoint, known), begin(one, known.revision + 1, nowMs()), 'file', 'the configuration was changed', false)
    }
    try {
      if (isOther) await write()
    } catch (error) {
      // A full disk must not keep the bridge from its work: the next change writes all of it.
      log.error({ error }, 'the switches of the cutover could not be written: a restart begins with those written last')
    }
    publish()
  }

  const change = async (endpoint: string, request: ChangeRequest, who: string, revision?: number): Promise<EndpointState> => {
    await read()
    const known = stored.get(endpoint)
    if (known === undefined || !configured.has(endpoint)) {
      throw new BridgeError('OB_CONFIG', `cannot switch ${endpoint}: it has no mirror`, { place: `mirror.${endpoint}` })
    }
    const from = stateOf(endpoint, known)
    if (revision !== undefined && revision !== known.revision) {
      throw new BridgeError(
        'OB_CUTOVER_CONFLICT',
        `cannot switch ${endpoint}: it was switched by somebody else, and is at revision ${known.revision}`,
      )
    }
    const { phase = from.phase, share, paused = from.paused, reason, force = false } = request
    if (!isShare(share?.new ?? 0) || !isShare(share?.old ?? 0)) {
      throw new BridgeError('OB_CUTOVER_REFUSED', `cannot switch ${endpoint}: a share is a number from 0 to 1`)
    }
    const fault = shareFault(phase, share ?? {})
    if (fault !== undefined) throw new BridgeError('OB_CUTOVER_REFUSED', `cannot switch ${endpoint}: ${fault}`)
    const unmet: string[] = []
    const steps = stepsForward(from.phase, phase)
    if (steps > 1) unmet.push(`${from.phase} to ${phase} is ${steps} steps: take one after the other`)
    if (steps > 0) unmet.push(...((await deps.unmet?.(from, phase)) ?? []))
    if (unmet.length > 0 && !force) {
      throw new BridgeError('OB_CUTOVER_REFUSED', `cannot go from ${from.phase} to ${phase} with ${endpoint}: ${unmet.join('; ')}`)
    }
    if (unmet.length > 0 && reason.trim() === '') {
      throw new BridgeError('OB_CUTOVER_REFUSED', `cannot force ${endpoint} to ${phase} without a reason`)
    }
    const next: Stored = {
      ...known,
      phase,
      // A new phase brings its own answer, unless one is asked for with it or the configuration names one.
      answer: request.answer ?? (phase === from.phase ? known.answer : configured.get(endpoint)?.answer),
      share: { new: share?.new ?? known.share.new, old: share?.old ?? known.share.old },
      paused,
      revision: known.revision + 1,
      sinceMs: phase === from.phase ? known.sinceMs : nowMs(),
    }
    const before = { stored: new Map(stored), changes }
    keep(endpoint, from, next, who, reason, unmet.length > 0)
    try {
      await write()
    } catch (error) {
      stored = before.stored
      changes = before.changes
      throw error
    }
    publish()
    return states.get(endpoint) ?? stateOf(endpoint, next)
  }

  /** One after the other; one that fails does not hold up the next. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work)
    turn = done.catch(() => {})
    return done
  }

  await read()
  await followConfiguration()
  if (file !== undefined) {
    watch = await watchFiles({
      files: [file],
      intervalMs: deps.lookMs ?? 500,
      onChange: () =>
        inTurn(async () => {
          await read()
          publish()
        }),
    })
  }

  return {
    of: (endpoint) => states.get(endpoint),
    list: () => [...states.values()],
    change: (endpoint, request, who, revision) => inTurn(() => change(endpoint, request, who, revision)),
    changes: () => changes,
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    reconfigure: (endpoints, comingAlone) =>
      inTurn(async () => {
        configured = endpoints
        await followConfiguration(comingAlone)
      }),
    close: () => watch?.close(),
  }
}
