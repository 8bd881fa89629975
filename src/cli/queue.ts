/** `otlp-bridge queue …`: what waits, and the dead letters. Works beside a running bridge and without one. */

import { writeFile } from 'node:fs/promises'
import { type ConfigOptions, loadBridgeConfig } from '../config/compose.ts'
import { destinationsOf } from '../emit/destinations.ts'
import { openStoreForInspection, type Selection, type StoreInspection } from '../emit/queue/dead-letters.ts'
import type { Cargo } from '../emit/queue/outcomes.ts'
import type { DeadLetter } from '../emit/queue/queue.ts'
import { BridgeError } from '../errors.ts'
import { mirrorsOf } from '../mirror/config.ts'
import { decodeEnvelope } from '../mirror/envelope.ts'
import { requestToJson } from '../otlp/json/to-json.ts'
import { envelopeAsJson } from './envelope-text.ts'
import type { Io } from './io.ts'
import { printTable } from './table.ts'

export interface QueueOptions extends ConfigOptions {
  readonly dead?: boolean
  readonly json?: boolean
  readonly all?: boolean
  readonly destination?: string
}

export interface QueueMoveOptions extends ConfigOptions {
  readonly from: string
  readonly to: string
}

export interface QueueExportOptions extends ConfigOptions {
  readonly to: 'json' | 'proto'
}

/** Whom data may wait for by the configuration: at least one destination. */
interface Names {
  readonly destinations: readonly string[]
  readonly mirrors: readonly string[]
}

async function withStore<T>(options: ConfigOptions, io: Io, use: (store: StoreInspection, names: Names) => T | Promise<T>): Promise<T> {
  const { queue, emit, mirror } = await loadBridgeConfig(options, io.env)
  if (queue.type !== 'disk') {
    const why =
      queue.type === 'kafka'
        ? 'a kafka queue is looked into with the tools of Kafka; dead letters are in the topics that end in _dead'
        : 'a memory queue is seen on the live page only'
    throw new BridgeError('OB_CONFIG', `cannot look into the queue: ${why}`, { place: 'queue.type' })
  }
  const store = openStoreForInspection(queue.path)
  try {
    const destinations = destinationsOf(emit).map(({ name }) => name)
    const mirrors = [...mirrorsOf(mirror).keys()].map((endpoint) => `mirror.${endpoint}`)
    return await use(store, { destinations, mirrors })
  } finally {
    store.close()
  }
}

const time = (ms: number): string => new Date(ms).toISOString()

const print = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

const deadAsJson = ({ queuedAtMs, diedAtMs, ...letter }: DeadLetter): object => ({
  ...letter,
  queuedAt: time(queuedAtMs),
  diedAt: time(diedAtMs),
})

function idOf(text: string): number {
  const id = Number(text)
  if (Number.isSafeInteger(id) && id >= 0) return id
  throw new BridgeError('OB_CONFIG', `cannot find dead letter ${text}: expected a number as \`queue ls --dead\` shows it`)
}

function selectionOf(ids: readonly string[], all: boolean, verb: string): Selection {
  if (all === ids.length > 0) throw new BridgeError('OB_CONFIG', `cannot ${verb}: give either the ids of dead letters or --all`)
  return all ? 'all' : ids.map(idOf)
}

function listWaiting(store: StoreInspection, json: boolean, io: Io, { destinations, mirrors }: Names): void {
  const [found, kept, damaged, dead] = [store.waiting(), store.kept(), store.damaged(), store.list().length]
  // Rows of before there were several destinations go to the first.
  const waiting = found.map(({ destination, ...row }) => ({ destination: destination || (destinations[0] ?? ''), ...row }))
  const strangers = [...new Set(waiting.map((row) => row.destination))].filter((name) => ![...destinations, ...mirrors].includes(name))
  if (json) {
    const rows = waiting.map(({ oldestQueuedAtMs, ...row }) => ({ ...row, oldestQueuedAt: time(oldestQueuedAtMs) }))
    const held = kept.map(({ oldestQueuedAtMs, ...row }) => ({ ...row, oldestQueuedAt: time(oldestQueuedAtMs) }))
    io.out(print({ waiting: rows, kept: held, notConfigured: strangers, damaged, deadLetters: dead }))
    return
  }
  const rows = waiting.map((row) => [
    row.destination,
    row.format,
    row.signal,
    row.batches,
    row.items,
    row.bytes,
    time(row.oldestQueuedAtMs),
  ])
  io.out(
    rows.length === 0 ? 'Nothing waits.\n' : printTable(['destination', 'format', 'signal', 'batches', 'items', 'bytes', 'oldest'], rows),
  )
  for (const name of strangers) {
    const drop = `\`queue drop --destination ${name}\``
    const isMirror = waiting.some((row) => row.destination === name && row.signal === 'legacy')
    io.out(
      isMirror
        ? `There is no ${name} here, requests for the old side wait for it: see ${drop}.\n`
        : `Destination ${name} is not configured here: see \`otlp-bridge queue move --from ${name}\` and ${drop}.\n`,
    )
  }
  for (const { name, running, values, bytes, oldestQueuedAtMs } of kept) {
    const whose = running ? 'of a running bridge' : 'of a bridge that has ended; the next start takes it over'
    const what = `${values} ${values === 1 ? 'request' : 'requests'} with ${bytes} bytes, the oldest of ${time(oldestQueuedAtMs)}`
    io.out(`Kept for ${name} until the rest comes: ${what} (${whose}).\n`)
  }
  if (damaged.batches > 0) io.out(`Damaged and set aside: ${damaged.batches} batches with ${damaged.items} items.\n`)
  if (dead > 0) io.out(`Dead letters: ${dead}; see \`otlp-bridge queue ls --dead\`.\n`)
}

function listDead(store: StoreInspection, json: boolean, io: Io): void {
  const letters = store.list()
  if (json) {
    io.out(print(letters.map(deadAsJson)))
    return
  }
  const rows = letters.map((one) => [
    String(one.id),
    one.destination,
    one.format,
    one.items,
    one.bytes,
    time(one.diedAtMs),
    one.reason,
    one.message,
  ])
  io.out(
    rows.length === 0
      ? 'No dead letters.\n'
      : printTable(['id', 'destination', 'format', 'items', 'bytes', 'died', 'reason', 'message'], rows),
  )
}

/** What waits by destination and format, or with `dead` every dead letter. */
export function queueLs(options: QueueOptions, io: Io): Promise<number> {
  return withStore(options, io, (store, names) => {
    const list = options.dead === true ? listDead : listWaiting
    list(store, options.json === true, io, names)
    return 0
  })
}

const jsonOf = (signal: Cargo, data: Uint8Array): string =>
  signal === 'legacy' ? JSON.stringify(envelopeAsJson(data)) : Buffer.from(requestToJson(signal, data)).toString()

/**
 * One dead letter: head on stderr and its request as OTLP/JSON on stdout, or all of it as one JSON document. A request for a mirror is shown as it was
 * received, its credentials masked.
 */
export function queueShow(id: string, options: QueueOptions, io: Io): Promise<number> {
  return withStore(options, io, (store) => {
    const letter = store.show(idOf(id))
    if (letter === undefined) throw new BridgeError('OB_INPUT', `cannot show dead letter ${id}: there is none with this id`)
    const { data, ...head } = letter
    if (!letter.intact) io.err(`the checksum of dead letter ${id} does not hold: its bytes are not what was received\n`)
    const request: unknown = letter.intact ? JSON.parse(jsonOf(head.signal, data)) : null
    if (options.json === true) {
      io.out(print({ ...deadAsJson(head), request }))
    } else {
      io.err(
        `dead letter ${head.id}: ${head.items} items (${head.signal}) of ${head.format}, ${head.bytes} bytes\n` +
          `  received ${time(head.queuedAtMs)}, died ${time(head.diedAtMs)}\n  ${head.reason}: ${head.message}\n`,
      )
      if (letter.intact) io.out(print(request))
    }
    return letter.intact ? 0 : 1
  })
}

function tell(selection: Selection, done: number, what: string, io: Io): number {
  io.err(`${done} ${done === 1 ? 'dead letter' : 'dead letters'} ${what}\n`)
  if (selection === 'all' || done === selection.length) return 0
  io.err(`${selection.length - done} of the ids were not found\n`)
  return 1
}

/** Puts dead letters back. 1 when an id is not there. */
export async function queueRetry(ids: readonly string[], options: QueueOptions, io: Io): Promise<number> {
  const selection = selectionOf(ids, options.all === true, 'retry')
  return withStore(options, io, (store) => tell(selection, store.retry(selection), 'put back into the queue', io))
}

const batchesText = (count: number): string => `${count} ${count === 1 ? 'batch' : 'batches'}`

function dropWaiting(destination: string, options: QueueOptions, io: Io): Promise<number> {
  return withStore(options, io, (store) => {
    const { batches, items } = store.dropWaiting(destination)
    io.err(`${batchesText(batches)} with ${items} items for destination ${destination} deleted\n`)
    return tellHeld(store, destination, io)
  })
}

/** What is still there is in the hands of a running bridge. */
function tellHeld(store: StoreInspection, destination: string, io: Io): number {
  const held = store.waiting().reduce((sum, row) => sum + (row.destination === destination ? row.batches : 0), 0)
  if (held === 0) return 0
  io.err(`${batchesText(held)} for destination ${destination} stay: a running bridge holds them\n`)
  return 1
}

/** Gives what waits for one destination to another. 1 when a running bridge holds some of it. */
export function queueMove(options: QueueMoveOptions, io: Io): Promise<number> {
  const { from, to } = options
  return withStore(options, io, (store, { destinations, mirrors }) => {
    if (![...destinations, ...mirrors].includes(to)) {
      const known = destinations.join(', ')
      throw new BridgeError('OB_CONFIG', `cannot move batches to destination ${to}: it is not in the configuration (there: ${known})`)
    }
    const waiting = store.waiting().filter((row) => row.destination === from)
    if (waiting.some((row) => (row.signal === 'legacy') !== mirrors.includes(to))) {
      throw new BridgeError(
        'OB_CONFIG',
        `cannot move batches from ${from} to ${to}: a mirror gets requests as they were received, a destination OTLP`,
      )
    }
    io.err(`${batchesText(store.move(from, to))} moved from destination ${from} to ${to}\n`)
    return from === to ? 0 : tellHeld(store, from, io)
  })
}

/** Deletes dead letters, or what waits for a destination. 1 when an id is not there, or a running bridge holds some of it. */
export async function queueDrop(ids: readonly string[], options: QueueOptions, io: Io): Promise<number> {
  if (options.destination !== undefined) {
    if (ids.length === 0 && options.all !== true) return dropWaiting(options.destination, options, io)
    throw new BridgeError('OB_CONFIG', 'cannot drop: --destination is about what waits, ids and --all are about dead letters')
  }
  const selection = selectionOf(ids, options.all === true, 'drop')
  return withStore(options, io, (store) => tell(selection, store.drop(selection), 'deleted', io))
}

/**
 * Writes dead letters into a file. 1 when one of them cannot be read; the others are written. Of a request for a mirror `json` is all of it with its
 * credentials masked, `proto` its body as it was received.
 */
export function queueExport(file: string, ids: readonly string[], options: QueueExportOptions, io: Io): Promise<number> {
  return withStore(options, io, async (store) => {
    const letters = store.list()
    const wanted = ids.length === 0 ? letters.map((one) => one.id) : ids.map(idOf)
    const signals = new Map(letters.map((one) => [one.id, one.signal]))
    const found = new Set(wanted.map((id) => signals.get(id)).filter((one) => one !== undefined))
    if (options.to === 'proto' && found.size > 1) {
      throw new BridgeError(
        'OB_INPUT',
        `cannot export ${[...found].join(' and ')} into one request: give the ids of one signal, or --to json`,
      )
    }
    if (options.to === 'proto' && found.has('legacy') && wanted.length > 1) {
      throw new BridgeError('OB_INPUT', 'cannot export several requests of mirrors into one file: give one id, or --to json')
    }
    const pieces: Uint8Array[] = []
    let failed = 0
    for (const id of wanted) {
      try {
        const data = store.export(id)
        const signal = signals.get(id) ?? 'traces'
        const raw = (): Uint8Array => (signal === 'legacy' ? decodeEnvelope(data).body : data)
        pieces.push(options.to === 'proto' ? raw() : Buffer.from(`${jsonOf(signal, data)}\n`))
      } catch (error) {
        failed++
        io.err(`${error instanceof Error ? error.message : String(error)}\n`)
      }
    }
    const whole = Buffer.concat(pieces)
    if (file === '-') io.out(whole)
    else await writeFile(file, whole)
    io.err(`${pieces.length} ${pieces.length === 1 ? 'dead letter' : 'dead letters'} written\n`)
    return failed === 0 ? 0 : 1
  })
}
