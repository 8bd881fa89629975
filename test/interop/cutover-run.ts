/**
 * A cutover under load: for a part of the time the old side is stopped, then the new one, then the bridge is killed with signal 9 and started
 * again at once. In the end every request that was acknowledged must be at the old side as it was sent, and both sides hold the same.
 */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Overview, ParityLive } from '../../src/admin/api.ts'
import { printTable } from '../../src/cli/table.ts'
import type { ParityReport } from '../../src/parity/model.ts'
import { printReport } from '../../src/parity/report-table.ts'
import type { Kept } from './cutover-kept.ts'
import type { Sender } from './cutover-load.ts'
import { type Ledger, ledger, type Tap } from './cutover-tap.ts'
import { root } from './peers.ts'
import type { RestartingBridge } from './restarting-bridge.ts'
import { until } from './wait.ts'

/** How long senders send: `OTLP_BRIDGE_CUTOVER_SECONDS`, 600 before a release. */
export const cutoverSeconds = Number(process.env['OTLP_BRIDGE_CUTOVER_SECONDS'] ?? 120)

export interface Stage {
  readonly format: string
  readonly bridge: RestartingBridge<string>
  /** In front of the bridge, and before each side. */
  readonly front: Tap
  readonly old: Tap
  readonly new: Tap
  readonly sides: { readonly old: Kept; readonly new: Kept }
  /** Starts all senders. */
  readonly send: () => readonly Sender[]
  /** Where parity asks. */
  readonly ask: { readonly old: string; readonly new: string; readonly newKind: string; readonly more?: readonly string[] }
  /** Longest wait for a side to show what it was sent, s. */
  readonly settleSeconds: number
}

export interface Told {
  readonly ledger: Ledger
  readonly report: ParityReport
  readonly live: ParityLive
  readonly overview: Overview
  /** Minutes in which the bridge was killed, RFC 3339. */
  readonly killMinutes: readonly string[]
  /** What was on its way to the old side when a connection could be lost: at the kill, and at the old side's stop. */
  readonly underWay: { readonly kill: number; readonly stop: number }
  readonly stopped: { readonly old: number; readonly new: number }
  /** What the old side refused for good; see {@link Tap.refusals}. */
  readonly refusals: readonly string[]
}

const total = async (bridge: Stage['bridge'], name: string): Promise<number> =>
  [...(await bridge.metric(name)).values()].reduce((sum, value) => sum + value, 0)

/** Until nothing waits for either side. */
export const drained = (bridge: Stage['bridge'], limitMs = 180_000): Promise<true> =>
  until(
    'both queues empty',
    async () => {
      const left = (await total(bridge, 'otlp_bridge_queue_items')) + (await total(bridge, 'otlp_bridge_mirror_queue_items'))
      const held = await total(bridge, 'otlp_bridge_held_items')
      return left + held === 0 ? true : undefined
    },
    limitMs,
  )

/** `otlp-bridge parity` as people run it; its report. */
export async function askParity(stage: Pick<Stage, 'format' | 'bridge' | 'ask'>, fromMs: number, toMs: number): Promise<ParityReport> {
  const { ask, format, bridge } = stage
  const time = (ms: number): string => new Date(ms).toISOString()
  const args = ['parity', '--admin', bridge.admin, '--format', format, '--old', ask.old, '--new', ask.new, '--new-kind', ask.newKind]
  const window = ['--since', time(fromMs), '--until', time(toMs), '--window', '1m']
  const how = ['--require', '100%', '--rate', '200', '--budget', '240s|20000req', '--json', ...(ask.more ?? [])]
  const command = process.env['OTLP_BRIDGE_COMMAND'] ?? join(root, 'bin/otlp-bridge')
  const said = await new Promise<string>((settle, fail) => {
    execFile(command, [...args, ...window, ...how], { maxBuffer: 2 ** 28 }, (error, stdout, stderr) => {
      // Exit code 1 is a report below 100 %, which is for the caller to judge.
      if (stdout.startsWith('{')) settle(stdout)
      else fail(new Error(`cannot run parity: ${stderr}`, { cause: error }))
    })
  })
  return JSON.parse(said) as ParityReport
}

const get = async <T>(bridge: Stage['bridge'], path: string): Promise<T> =>
  (await (await fetch(`${bridge.admin}/api/v1${path}`)).json()) as T

/** Runs it, and says on the console what happens. */
export async function runCutover(stage: Stage, seconds = cutoverSeconds): Promise<Told> {
  const { bridge, front, old, sides } = stage
  const beganMs = Date.now()
  const tell = (what: string): void => console.log(`${stage.format} ${((Date.now() - beganMs) / 1000).toFixed(1).padStart(6)} s  ${what}`)
  const at = async (part: number): Promise<void> => {
    await delay(Math.max(0, beganMs + part * seconds * 1000 - Date.now()))
  }
  const senders = stage.send()
  const underWay = { kill: 0, stop: 0 }
  const stopped = { old: 0, new: 0 }
  const killMinutes = new Set<string>()
  const minute = (): string => `${new Date(Math.floor(Date.now() / 60_000) * 60_000).toISOString()}`
  const away = async (which: 'old' | 'new', from: number, to: number): Promise<void> => {
    await at(from)
    const since = Date.now()
    if (which === 'old') underWay.stop = old.underWay + old.answeredWithin(100)
    await sides[which].stop()
    tell(`${which} side stopped`)
    await at(to)
    await sides[which].start()
    stopped[which] = (Date.now() - since) / 1000
    tell(
      `${which} side back after ${stopped[which].toFixed(1)} s; ${await total(bridge, 'otlp_bridge_mirror_queue_items')} items wait for the old one, ${await total(bridge, 'otlp_bridge_queue_items')} for the new one`,
    )
  }
  try {
    await away('old', 0.15, 0.35)
    await away('new', 0.45, 0.65)
    await at(0.8)
    underWay.kill = old.underWay + old.answeredWithin(100)
    killMinutes.add(minute())
    await bridge.kill()
    await bridge.start()
    killMinutes.add(minute())
    tell(`bridge killed and back; ${underWay.kill} requests were on their way to the old side`)
    await at(1)
  } finally {
    await Promise.all(senders.map((one) => one.stop()))
  }
  const endedMs = Date.now()
  for (const one of senders) tell(one.said())
  await drained(bridge)
  tell('both queues are empty')
  const [fromMs, toMs] = [Math.floor(beganMs / 60_000) * 60_000, Math.ceil(endedMs / 60_000) * 60_000]
  await delay(Math.max(0, toMs + stage.settleSeconds * 1000 + 500 - Date.now()))
  const report = await askParity(stage, fromMs, toMs)
  console.log(printReport(report, printTable))
  const times = `since=${new Date(fromMs).toISOString()}&until=${new Date(toMs).toISOString()}`
  const live = await get<ParityLive>(bridge, `/parity/live?${times}`)
  const overview = await get<Overview>(bridge, '/overview')
  const sums = ledger(front, old)
  tell(`live parity ${JSON.stringify(live.summary)}`)
  tell(
    `not equal ${JSON.stringify(live.minutes.filter((one) => one.verdict !== 'equal').map(({ at: when, key, verdict, text }) => [when, key, verdict, text]))}`,
  )
  tell(`books ${JSON.stringify(overview.books)}`)
  for (const [name, tap] of Object.entries({ front, old, new: stage.new }))
    tell(`${name}: ${JSON.stringify(Object.fromEntries(tap.answers))}`)
  for (const one of old.refusals) tell(`refused: ${one}`)
  tell(`requests ${JSON.stringify(sums)}, under way ${JSON.stringify(underWay)}, stopped ${JSON.stringify(stopped)}`)
  return { ledger: sums, report, live, overview, killMinutes: [...killMinutes], underWay, stopped, refusals: old.refusals }
}
