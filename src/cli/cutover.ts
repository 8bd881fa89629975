/** `otlp-bridge phase`, `share`, `readiness`, `clients`: how a cutover stands, and its switches, asked of the running bridge. */

import { changeList, clientList, type MirrorState, mirrorList, mirrorState, readiness } from '../admin/api.ts'
import { type Phase, phases } from '../cutover/model.ts'
import { phaseBefore } from '../cutover/phase-rules.ts'
import { matchesKey } from '../cutover/verdict.ts'
import { BridgeError, isBridgeError } from '../errors.ts'
import { type AdminClient, type AdminOptions, createAdminClient } from './admin-client.ts'
import type { Io } from './io.ts'
import { plainText, printTable } from './table.ts'

export interface ShowOptions extends AdminOptions {
  readonly json?: boolean
}

export interface SwitchOptions extends ShowOptions {
  readonly reason?: string
  readonly force?: boolean
  readonly back?: boolean
}

export interface ReadinessOptions extends ShowOptions {
  readonly key?: string
  readonly question?: 'A' | 'B'
  readonly verbose?: boolean
}

export interface ClientsOptions extends ShowOptions {
  readonly csv?: boolean
  readonly sort?: string
  readonly filter?: string
}

const printPart = (part: number): string => `${Math.round(part * 1e4) / 100}%`

const rowOf = (one: MirrorState): string[] => [
  one.endpoint,
  one.phase,
  one.answer,
  printPart(one.share.new),
  printPart(one.share.old),
  one.paused ? 'paused' : '',
  one.since.slice(0, 16).replace('T', ' '),
  one.until ?? '',
  one.url,
]

const head = ['endpoint', 'phase', 'answer', 'new', 'old', '', 'since', 'until', 'old backend']

function show(states: readonly MirrorState[], options: ShowOptions, io: Io): void {
  if (options.json === true) io.out(`${JSON.stringify({ items: states }, null, 2)}\n`)
  else if (states.length === 0) io.err('no endpoint has a mirror: add section mirror to the configuration\n')
  else io.out(printTable(head, states.map(rowOf)))
}

/** None where no mirror is configured, or not any more: that is an answer to who asks how the endpoints stand. */
async function list(client: AdminClient): Promise<readonly MirrorState[]> {
  try {
    return (await client.get('/api/v1/mirror', mirrorList)).items
  } catch (error) {
    if (isBridgeError(error) && error.code === 'OB_ADMIN_NONE') return []
    throw error
  }
}

/** `phase ls`, `share ls` */
export async function cutoverLs(options: ShowOptions, io: Io): Promise<number> {
  show(await list(await createAdminClient(options, io)), options, io)
  return 0
}

/** `phase log`: who switched what. */
export async function cutoverLog(options: ShowOptions, io: Io): Promise<number> {
  const { items } = await (await createAdminClient(options, io)).get('/api/v1/changes', changeList)
  if (options.json === true) io.out(`${JSON.stringify({ items }, null, 2)}\n`)
  else {
    const rows = items.map((one) => [
      one.at.slice(0, 19).replace('T', ' '),
      one.endpoint,
      one.what,
      one.from,
      one.to,
      one.forced ? 'forced' : '',
      one.who,
      one.reason,
    ])
    io.out(printTable(['when', 'endpoint', 'what', 'from', 'to', '', 'who', 'reason'], rows))
  }
  return 0
}

async function stateOf(client: AdminClient, endpoint: string): Promise<MirrorState> {
  const states = await list(client)
  const found = states.find((one) => one.endpoint === endpoint)
  if (found !== undefined) return found
  const known = states.length === 0 ? 'none has' : states.map((one) => one.endpoint).join(', ')
  throw new BridgeError('OB_CONFIG', `cannot switch ${endpoint}: it has no mirror (${known})`, { place: endpoint })
}

const change = (client: AdminClient, state: MirrorState, body: object): Promise<MirrorState> =>
  client.put(`/api/v1/mirror/${encodeURIComponent(state.endpoint)}`, body, mirrorState, state.revision)

/** `phase set <endpoint> [phase]`. @param wanted undefined with `--back` */
export async function phaseSet(endpoint: string, wanted: string | undefined, options: SwitchOptions, io: Io): Promise<number> {
  if ((wanted === undefined) !== (options.back === true)) {
    throw new BridgeError('OB_CONFIG', `cannot set a phase: give one of ${phases.join(', ')}, or --back`, { place: 'phase' })
  }
  if (wanted !== undefined && !phases.includes(wanted as Phase)) {
    throw new BridgeError('OB_CONFIG', `cannot set phase ${wanted}: expected ${phases.join(', ')}`, { place: 'phase' })
  }
  if (options.force === true && (options.reason ?? '').trim() === '') {
    throw new BridgeError('OB_CONFIG', 'cannot force a phase without a reason: give --reason', { place: '--reason' })
  }
  const client = await createAdminClient(options, io)
  const state = await stateOf(client, endpoint)
  const phase = wanted ?? phaseBefore(state.phase)
  if (phase === undefined) throw new BridgeError('OB_CONFIG', `cannot go back with ${endpoint}: ${state.phase} is the first phase`)
  const reason = options.reason ?? (options.back === true ? 'one step back' : 'by command')
  const next = await change(client, state, { phase, reason, ...(options.force === true ? { force: true } : {}) })
  io.err(`${endpoint}: ${state.phase} → ${next.phase}\n`)
  show([next], options, io)
  return 0
}

/** `10%`, `0.1`: a part of all. */
export function parsePortion(text: string): number {
  const [, digits, percent] = /^(\d+(?:\.\d+)?)\s*(%?)$/.exec(text.trim()) ?? []
  const value = digits === undefined ? Number.NaN : Number(digits) / (percent === '%' ? 100 : 1)
  if (!(value >= 0 && value <= 1)) {
    throw new BridgeError('OB_CONFIG', `cannot set a share of ${text}: expected 0 to 1, or 0% to 100%`, { place: 'share' })
  }
  return Math.round(value * 1e4) / 1e4
}

/** `share set <new|old> <endpoint> <part>` */
export async function shareSet(side: string, endpoint: string, part: string, options: SwitchOptions, io: Io): Promise<number> {
  if (side !== 'new' && side !== 'old')
    throw new BridgeError('OB_CONFIG', `cannot set the share of ${side}: expected new or old`, { place: 'share' })
  const portion = parsePortion(part)
  const client = await createAdminClient(options, io)
  const state = await stateOf(client, endpoint)
  const next = await change(client, state, { share: { [side]: portion }, reason: options.reason ?? 'by command' })
  io.err(`${endpoint}: ${side} side ${printPart(state.share[side])} → ${printPart(next.share[side])}\n`)
  show([next], options, io)
  return 0
}

const marks = { ready: '✓', 'not-yet': '✗', 'no-data': '…', silent: '–' } as const

/** `readiness`: exit code 0 when every key is ready, 1 when not. */
export async function showReadiness(options: ReadinessOptions, io: Io): Promise<number> {
  const client = await createAdminClient(options, io)
  const query = options.question === undefined ? '' : `?question=${options.question}`
  const answer = await client.get(`/api/v1/readiness${query}`, readiness)
  const items = answer.items.filter(
    ({ key }) => options.key === undefined || options.key.split(',').some((one) => matchesKey(one.trim(), key)),
  )
  if (options.json === true) io.out(`${JSON.stringify({ ...answer, items }, null, 2)}\n`)
  else if (items.length === 0) io.err('nothing was received yet: there is no verdict\n')
  else {
    io.out(
      printTable(
        ['', 'endpoint', 'phase', 'verdict'],
        items.map((one) => [marks[one.answer], one.endpoint, one.phase, one.headline]),
      ),
    )
    if (options.verbose === true) {
      for (const one of items) {
        io.out(
          `\n${plainText(one.key)}\n${printTable(
            ['', 'state', 'evidence'],
            one.checks.map(({ id, state, text }) => [id, state, text]),
          )}`,
        )
      }
    }
  }
  return items.length > 0 && items.every((one) => one.answer === 'ready' || one.answer === 'silent') ? 0 : 1
}

/** `clients`: who still sends legacy formats. */
export async function showClients(options: ClientsOptions, io: Io): Promise<number> {
  const client = await createAdminClient(options, io)
  const query = new URLSearchParams({ sort: options.sort ?? 'items', filter: options.filter ?? '', limit: '5000' })
  if (options.csv === true) {
    io.out(await client.text(`/api/v1/clients.csv?${query}`))
    return 0
  }
  const answer = await client.get(`/api/v1/clients?${query}`, clientList)
  if (options.json === true) io.out(`${JSON.stringify(answer, null, 2)}\n`)
  else {
    const rows = answer.items.map((one) => [
      one.format,
      one.key,
      `${one.library}${one.version === undefined ? '' : ` ${one.version}`}${one.probably ? ' (probably)' : ''}`,
      one.addresses.slice(0, 3).join(' ') + (one.addresses.length > 3 ? ` and ${one.addresses.length - 3} more` : ''),
      Math.round(one.itemsPerMinute),
      one.silent ? 'silent' : (one.lastSeen ?? '').slice(0, 16).replace('T', ' '),
    ])
    io.out(printTable(['format', 'service, job or index', 'library', 'address', 'items/min', 'last seen'], rows))
    if (answer.truncated) io.err('the list is not complete: see section inventory\n')
  }
  return 0
}
