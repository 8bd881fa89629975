/**
 * Whether a destination takes history, and shows it: `preflight --for backfill --since T` (mapping backfill.md §5). Probes of four ages go to every endpoint,
 * first in the order of their times, then the old ones again behind the newest; what is answered is read as a run reads it, and what was taken is looked for.
 * Leaves marked probes behind (`service.name` otlp-bridge-preflight), some twenty a signal, and one request of a full page.
 */

import { randomBytes } from 'node:crypto'
import { type Program, programs } from '../backfill/destination-kind.ts'
import { classifyRejection, type Rejection } from '../backfill/rejections.ts'
import { maskUserinfo } from '../config/mask.ts'
import { type DestinationConfig, destinationsOf, type EndpointConfig } from '../emit/destinations.ts'
import { isSendError } from '../emit/sender.ts'
import type { Transport } from '../emit/transport/wire.ts'
import type { Signal } from '../otlp/intake.ts'
import { type OldDataProgram, readSettings, sheets } from './backfill-knobs.ts'
import { checkClocks } from './clock.ts'
import { backendsFor, checkQueryUrls, knobFor, openTransport, saidBy, sendProbe } from './destinations.ts'
import { because, type Finding, type Level, type PreflightDeps, type Subject } from './finding.ts'
import { makeProbe, type Probe } from './probes.ts'
import { type Backend, backendAt } from './query.ts'

export interface HistorySubject extends Subject {
  /** The oldest time that is to be filled in, ms. */
  readonly sinceMs: number
  /** What answers at the endpoints, where that cannot be asked. */
  readonly program?: Program | undefined
}

const signals: readonly Signal[] = ['traces', 'metrics', 'logs']
const hourMs = 3_600_000

/** Items of a page of a back-fill, and its bytes. */
const [pageItems, pageBytes] = [2000, 4 * 2 ** 20]

interface Moment {
  readonly ms: number
  readonly word: string
}

/** Oldest first; those that fall together are one. */
function momentsOf(sinceMs: number, nowMs: number): readonly Moment[] {
  const age = (ms: number): string => {
    const hours = (nowMs - ms) / hourMs
    return hours >= 48
      ? `${Math.round(hours / 24)} d old`
      : hours >= 1
        ? `${Math.round(hours)} h old`
        : hours > 0
          ? `${Math.round(hours * 60)} min old`
          : 'new'
  }
  return [sinceMs, (sinceMs + nowMs) / 2, nowMs - 2 * hourMs, nowMs]
    .filter((ms, at, all) => ms >= sinceMs && all.every((other, place) => place >= at || Math.abs(other - ms) > 60_000))
    .sort((a, b) => a - b)
    .map((ms) => ({ ms, word: age(ms) }))
}

/** What became of a probe. */
interface Trial {
  readonly about: string
  readonly moment: Moment
  readonly probe: Probe
  /** Undefined: it was taken. */
  readonly refused: { readonly said: string; readonly why: Rejection | undefined; readonly error: unknown } | undefined
}

interface Place {
  readonly destination: DestinationConfig
  readonly endpoint: EndpointConfig
  readonly subject: HistorySubject
  readonly deps: PreflightDeps
}

const isJson = ({ destination }: Place): boolean => destination.protocol === 'http/json'

async function tryOne(place: Place, transport: Transport, probe: Probe, about: string, moment: Moment): Promise<Trial> {
  try {
    const partial = await sendProbe(transport, probe, isJson(place), place.subject.timeoutMs)
    if (partial === undefined || partial.rejectedItems === 0) return { about, moment, probe, refused: undefined }
    return {
      about,
      moment,
      probe,
      refused: { said: partial.message, why: classifyRejection(partial.message, 'partial_success'), error: undefined },
    }
  } catch (error) {
    const said = saidBy(error)
    const why = isSendError(error) && error.failure === 'permanent' ? classifyRejection(said, `http_${error.status ?? 0}`) : undefined
    return { about, moment, probe, refused: { said, why, error } }
  }
}

const newRun = (): string => randomBytes(16).toString('hex')

/** All moments in their order, in one series or stream; then the old ones again, behind the newest. Ends at the first that says nothing about age. */
async function tryMoments(place: Place, transport: Transport, signal: Signal, moments: readonly Moment[]): Promise<readonly Trial[]> {
  const name = `${place.destination.name}, ${signal}`
  const trials: Trial[] = []
  const series = newRun()
  // A span has its trace, a line its text: only a metric's series goes on.
  const runOf = (): string => (signal === 'metrics' ? series : newRun())
  for (const moment of moments)
    trials.push(await tryOne(place, transport, makeProbe(signal, runOf(), moment.ms), `${name}, ${moment.word}`, moment))
  const newest = trials.at(-1)
  if (signal === 'traces' || newest === undefined || newest.refused !== undefined) return trials
  for (const moment of moments.slice(0, -1))
    trials.push(
      await tryOne(place, transport, makeProbe(signal, newRun(), moment.ms), `${name}, ${moment.word}, behind newer data`, moment),
    )
  return trials
}

/** Looks for what was taken until it is there or the time is over. Gives those that are not, and why they could not be asked for. */
async function lookFor(trials: readonly Trial[], holds: (probe: Probe) => Promise<boolean>, { readBackMs }: Subject, deps: PreflightDeps) {
  const endMs = deps.nowMs() + readBackMs
  const missing = new Set(trials)
  let fault: unknown
  for (;;) {
    fault = undefined
    for (const one of missing) {
      try {
        if (await holds(one.probe)) missing.delete(one)
      } catch (error) {
        fault = error
      }
    }
    if (missing.size === 0 || deps.nowMs() >= endMs) return { missing, fault }
    await deps.sleep(1000)
  }
}

/** By its name among those that are known to have settings. */
const knownProgram = (program: Program | undefined): OldDataProgram | undefined =>
  program !== undefined && program in sheets ? (program as OldDataProgram) : undefined

/** Endings of OTLP addresses of programs whose API is on the same port. */
const besides: readonly (readonly [OldDataProgram, Signal, RegExp])[] = [
  ['loki', 'logs', /\/otlp\/v1\/logs$/],
  ['prometheus', 'metrics', /\/api\/v1\/otlp\/v1\/metrics$/],
]

interface Known {
  readonly program: OldDataProgram | undefined
  readonly backend: Backend | undefined
  /** What its API is below. */
  readonly url: string | undefined
}

async function whoIs({ endpoint, subject, deps }: Place, signal: Signal): Promise<Known> {
  const wanted = knownProgram(subject.program)
  const address = new URL(endpoint.urls[signal])
  const beside = besides.find(([, of, ending]) => of === signal && ending.test(address.pathname))
  let backend = await backendsFor(endpoint, signal, subject, deps)
  let url = backend?.url
  if (url === undefined && beside !== undefined) {
    url = `${address.origin}${address.pathname.replace(beside[2], '')}`
    backend = await backendAt(url, deps.get, subject.timeoutMs)
    if (backend?.signal !== signal) backend = undefined
  }
  const found = knownProgram(programs.find((one) => one === backend?.kind.toLowerCase()))
  const program = wanted !== undefined && sheets[wanted].signal === signal ? wanted : (found ?? beside?.[0])
  return { program, backend, url }
}

const lineOf = (about: string, level: Level, seen: string, knob?: string): Finding => ({
  check: 'history',
  about,
  level,
  seen,
  ...(knob === undefined ? {} : { knob }),
  remote: true,
})

function refusal(
  { about, moment, refused }: Trial,
  { destination, endpoint }: Place,
  program: OldDataProgram | undefined,
  values: string,
): Finding {
  const { said, why, error } = refused ?? { said: '', why: undefined, error: undefined }
  const isOld = moment.word !== 'new'
  if (why === undefined || (!isOld && !why.age))
    return lineOf(about, 'fail', said, error === undefined ? 'what the endpoint says' : knobFor(error, destination, endpoint.url))
  const knob = why.knob !== '' ? why.knob : program === undefined ? 'the limits of the backend on the age of data' : sheets[program].refused
  return lineOf(about, 'fail', `refused (${why.reason}): ${said}`, `${knob}${values}`)
}

/** A request as large as those of a run: many new probes in one. */
async function tryPage(place: Place, transport: Transport, signal: Signal): Promise<Finding> {
  const about = `${place.destination.name}, ${signal}, a full page`
  const parts: Uint8Array[] = []
  let bytes = 0
  for (let at = 0; at < pageItems && bytes < pageBytes; at++) {
    const { proto } = makeProbe(signal, newRun(), place.deps.nowMs(), Math.floor(pageBytes / pageItems) - 250)
    parts.push(proto)
    bytes += proto.length
  }
  const whole = { ...makeProbe(signal, newRun(), place.deps.nowMs()), proto: Buffer.concat(parts) }
  const size = `${parts.length} items in ${(bytes / 2 ** 20).toFixed(1)} MiB`
  const { refused } = await tryOne(place, transport, whole, about, { ms: place.deps.nowMs(), word: 'new' })
  if (refused === undefined) return lineOf(about, 'ok', `${size} are taken`)
  return lineOf(
    about,
    'warn',
    `${size} are refused: ${refused.said}`,
    'its limits of size and rate; the run makes its requests smaller, and waits where it is asked to',
  )
}

async function trySignal(place: Place, transport: Transport, signal: Signal, moments: readonly Moment[]): Promise<readonly Finding[]> {
  const { deps, subject, destination } = place
  const trials = await tryMoments(place, transport, signal, moments)
  const newest = trials[moments.length - 1]
  if (newest?.refused !== undefined && newest.refused.why?.age !== true) {
    const { error, said } = newest.refused
    const isUnknown = isSendError(error) && (error.status === 404 || error.status === 501 || /unimplemented|not found/i.test(said))
    const knob = isUnknown
      ? `nothing to do where no ${signal} are filled in`
      : error === undefined
        ? 'what the endpoint says'
        : knobFor(error, destination, place.endpoint.url)
    return [lineOf(`${destination.name}, ${signal}`, isUnknown ? 'warn' : 'fail', said, knob)]
  }
  const { program, backend, url } = await whoIs(place, signal)
  const settings = program === undefined || url === undefined ? undefined : await readSettings(program, url, deps.get, subject.timeoutMs)
  const values = settings === undefined || settings.length === 0 ? '' : `; it has ${settings.join(', ')}`
  const findings: Finding[] = []
  if (settings !== undefined && settings.length > 0)
    findings.push({
      check: 'settings',
      about: `${destination.name}, ${signal}`,
      level: 'ok',
      seen: `${program ?? ''} at ${maskUserinfo(url ?? '')}: ${settings.join(', ')}`,
    })
  const taken = trials.filter(({ refused }) => refused === undefined)
  const asked = backend === undefined ? undefined : await lookFor(taken, (probe) => backend.holds(probe), subject, deps)
  const { searches } = backend ?? {}
  const kept = taken.filter((one) => asked?.missing.has(one) === false)
  const searched = searches === undefined ? undefined : await lookFor(kept, searches, subject, deps)
  for (const trial of trials) {
    const { about } = trial
    const hidden = `${program === undefined ? 'the limits of the backend on the age of data, or its sampling' : sheets[program].hidden}${values}`
    if (trial.refused !== undefined) findings.push(refusal(trial, place, program, values))
    else if (asked === undefined)
      findings.push(lineOf(about, 'warn', 'accepted, cannot be checked', '--query-url: where it can be read back'))
    else if (!asked.missing.has(trial)) {
      if (searched?.missing.has(trial) !== true) findings.push(lineOf(about, 'ok', `stored and found by ${backend?.kind ?? ''}`))
      else
        findings.push(
          lineOf(about, 'warn', `stored, and found by its id, but not by search within ${subject.readBackMs / 1000} s (hidden)`, hidden),
        )
    } else if (asked.fault !== undefined)
      findings.push(lineOf(about, 'warn', `accepted, cannot be checked: ${because(asked.fault)}`, '--query-url'))
    else findings.push(lineOf(about, 'warn', `stored, not found within ${subject.readBackMs / 1000} s (hidden)`, hidden))
  }
  if (!isJson(place)) findings.push(await tryPage(place, transport, signal))
  return findings
}

async function tryEndpoint(place: Place, moments: readonly Moment[]): Promise<readonly Finding[]> {
  const transport = await openTransport(place.destination, place.endpoint, place.deps.nowMs)
  const findings: Finding[] = []
  try {
    for (const signal of place.destination.signals ?? signals) {
      findings.push(...(await trySignal(place, transport, signal, moments)))
      // Who cannot be reached would be told three times.
      if (findings.at(-1)?.level === 'fail' && findings.length === 1 && !/\b4\d\d\b/.test(findings[0]?.seen ?? '')) break
    }
  } finally {
    await transport.close()
  }
  return findings
}

/** Asks clocks and query URLs, and tries every endpoint. Never rejects for what it finds. */
export async function runHistoryPreflight(subject: HistorySubject, deps: PreflightDeps): Promise<readonly Finding[]> {
  const moments = momentsOf(subject.sinceMs, deps.nowMs())
  const places = destinationsOf(subject.config.emit).flatMap((destination) =>
    destination.endpoints.map((endpoint): Place => ({ destination, endpoint, subject, deps })),
  )
  const caught = (work: Promise<readonly Finding[]>): Promise<readonly Finding[]> =>
    work.catch((error: unknown) => [lineOf('the check itself', 'fail', because(error), 'please report this')])
  const tried = subject.send ? places.map((place) => caught(tryEndpoint(place, moments))) : []
  const found = await Promise.all([caught(checkClocks(subject, deps)), caught(checkQueryUrls(subject, deps)), ...tried])
  return found.flat()
}
