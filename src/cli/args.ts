/** The command line: which commands and options there are. Each command's work is loaded only when it is called. */

import { availableParallelism } from 'node:os'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { errorTable, isBridgeError } from '../errors.ts'
import { addBackfill } from './backfill-args.ts'
import { addConvert } from './convert-args.ts'
import { addCutover } from './cutover-args.ts'
import type { Io } from './io.ts'
import { version } from './version.ts'

/** 0 done · 1 done, but some items could not be processed · 2 usage or configuration · 3 input unreadable · 4 a remote side failed · 130 interrupted */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 130

/** Codes that are not a fault of usage or configuration (2). */
const exitCodes: Readonly<Record<string, ExitCode>> = {
  OB_BACKEND: 4,
  OB_CUTOVER_CONFLICT: 1,
  OB_CUTOVER_REFUSED: 1,
  OB_DESTINATION: 4,
  OB_INPUT: 3,
  OB_SEND_PERMANENT: 4,
  OB_SEND_THROTTLED: 4,
  OB_SEND_TRANSIENT: 4,
  OB_SOURCE: 3,
}

/** An error that reached the command line, as exit code and as what the user reads; the stack only of what is our own fault. */
export function explain(error: unknown): { readonly code: ExitCode; readonly text: string } {
  if (!isBridgeError(error)) return { code: 1, text: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  const remedy = error.code === 'OB_CONFIG' ? '' : `\n  ${errorTable[error.code].remedy}`
  const place = error.place === '' || error.message.includes(error.place) ? '' : ` (${error.place})`
  const known = exitCodes[error.code] ?? (error.code.startsWith('OB_DECODE') || error.code.startsWith('OB_LIMIT') ? 3 : 2)
  return { code: known, text: `${error.code}: ${error.message}${place}${remedy}` }
}

const collect = (value: string, before: readonly string[]): string[] => [...before, value]

const fileOption = (): Option => new Option('-c, --config <file>', 'configuration file (YAML)')
const setOption = (): Option =>
  new Option('--set <key=value>', 'sets one option over the file, as in --set queue.type=memory; may be repeated')
    .argParser(collect)
    .default([], 'none')
const jsonOption = (): Option => new Option('--json', 'prints JSON instead of a table')

/** More than this many is a slip: each takes some 100 MB. */
const mostWorkers = 256

/** `auto` is what the machine, or the part of it that we may use, can run at once. */
function workerCount(value: string): number {
  const count = value === 'auto' ? availableParallelism() : /^\d+$/.test(value) ? Number(value) : 0
  if (count < 1 || (count > mostWorkers && value !== 'auto'))
    throw new InvalidArgumentError(`expected auto or a number from 1 to ${mostWorkers}`)
  return Math.min(count, mostWorkers)
}

type Finish = (code: number) => void

function addQueue(program: Command, io: Io, finish: Finish): void {
  const queue = program.command('queue').description('looks into the queue and the dead letters')
  const common = (command: Command): Command => command.addOption(fileOption()).addOption(setOption())
  const load = async () => import('./queue.ts')

  common(queue.command('ls'))
    .description('shows what waits, by format; with --dead lists the dead letters, oldest first')
    .option('--dead', 'the dead letters: what the endpoint refused for good')
    .addOption(jsonOption())
    .action(async (given) => finish(await (await load()).queueLs(given, io)))
  common(queue.command('show <id>'))
    .description('shows a dead letter: why it died, and its spans as OTLP/JSON')
    .addOption(jsonOption())
    .action(async (id, given) => finish(await (await load()).queueShow(id, given, io)))
  common(queue.command('retry [ids...]'))
    .description('puts dead letters back into the queue; a running bridge sends them within seconds, otherwise the next start does')
    .option('--all', 'all of them')
    .action(async (ids, given) => finish(await (await load()).queueRetry(ids, given, io)))
  common(queue.command('drop [ids...]'))
    .description('deletes dead letters for good, or with --destination what waits for a destination and no running bridge holds')
    .option('--all', 'all dead letters')
    .option('--destination <name>', 'what waits for this destination')
    .action(async (ids, given) => finish(await (await load()).queueDrop(ids, given, io)))
  common(queue.command('move'))
    .description('gives what waits for one destination to another; for a destination that was taken out of the configuration or renamed')
    .requiredOption('--from <name>', 'for whom it waits')
    .requiredOption('--to <name>', 'who is to have it: a destination of the configuration')
    .action(async (given) => finish(await (await load()).queueMove(given, io)))
  common(queue.command('export <file> [ids...]'))
    .description('writes dead letters, all of them without ids, into a file (- is stdout); they stay where they are')
    .addOption(
      new Option('--to <form>', 'json: one OTLP/JSON request a line; proto: one OTLP request').choices(['json', 'proto']).default('json'),
    )
    .action(async (file, ids, given) => finish(await (await load()).queueExport(file, ids, given, io)))
}

function addParity(program: Command, io: Io, finish: Finish): void {
  const many = (flags: string, text: string): Option => new Option(flags, text).argParser(collect).default([], 'none')
  program
    .command('parity')
    .description('reads the old and the new backend and compares what they hold, item by item; writes nothing anywhere')
    .addOption(fileOption())
    .addOption(setOption())
    .option('--format <format>', 'zipkin, jaeger, prometheus, elasticsearch or all', 'all')
    .option('--old <url>', 'query URL of the old backend; default: parity.old, or the URL of the mirror')
    .option('--new <url>', 'query URL of the new backend; default: parity.new')
    .option('--new-kind <kind>', 'jaeger, tempo, prometheus, loki or elasticsearch')
    .option('--since <time>', 'compares from then on: 2h, or a time such as 2026-11-22T10:00:00Z')
    .option('--until <time>', 'up to then; never later than both sides have settled')
    .option('--windows <count>', 'instead of --since: the last so many windows (1)')
    .option('--window <duration>', 'length of a window (10m)')
    .addOption(many('--key <globs>', "services, jobs or indices, as in 'checkout,cart*'; may be repeated"))
    .option('--samples <count>', 'items compared field by field in a window')
    .option('--ids <file>', 'ids to look at besides, one a line')
    .option('--queries <file>', 'metrics: PromQL queries to ask both sides, one a line')
    .option('--match <selector>', 'metrics: series to compare')
    .addOption(many('--tolerance <name=value>', 'what may differ by how much; may be repeated'))
    .addOption(many('--accept <class>', 'a class, kind or rule of differences that is no fault; may be repeated'))
    .addOption(many('--deny <class>', 'a class or rule of explanations that is a fault all the same; may be repeated'))
    .option('--require <part>', 'below this the exit code is 1', '100%')
    .option('--budget <limits>', "what the run may cost, as in '60s|2000req|1GiB'")
    .option('--rate <count>', 'requests a second to each backend')
    .option('--admin <url>', 'admin port of a running bridge, whose books are the reference; default: that of the configuration')
    .option('--refresh', 'lets Elasticsearch refresh the index first')
    .option('--html <file>', 'writes a report that opens in a browser')
    .option('--redact', 'puts types and hashes in the place of values')
    .option('--watch', 'goes on: one window after the other')
    .addOption(jsonOption())
    .action(async (given) => finish(await (await import('./parity.ts')).parity(given, io)))
}

/** The whole command line. Nothing runs until it parses; `finish` is handed the exit code of the command that ran. */
export function createProgram(io: Io, finish: Finish): Command {
  const program = new Command('otlp-bridge')
    .description('A migration bridge: Jaeger and Zipkin clients go on unchanged, their data arrives as OTLP.')
    .version(version)
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .exitOverride()
    // Otherwise `backfill` would take what is meant for the commands below it.
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .helpCommand(false)

  program
    .command('serve')
    .description('runs the bridge: without a file, every legacy endpoint on localhost, disk queue, OTLP to localhost:4318')
    .addOption(fileOption())
    .addOption(setOption())
    .addOption(
      new Option('--workers <count>', 'processes that share the work, the ports and the disk queue: a number, or auto for one a core')
        .argParser(workerCount)
        .default(1),
    )
    .action(async (given) => finish(await (await import('./serve.ts')).serve(given, io)))

  program
    .command('worker', { hidden: true })
    .description('one of the processes of serve --workers; started by it alone')
    .action(async () => finish(await (await import('./worker.ts')).worker(io)))

  program
    .command('demo')
    .description('sends recorded traffic of real clients through every endpoint into an embedded OTLP sink; fails if anything is lost')
    .option('--keep', 'goes on with some traffic until interrupted, and prints the address of the live page')
    .addOption(jsonOption())
    .action(async (given) => finish(await (await import('./demo.ts')).demo(given, io)))

  program
    .command('translate [file]')
    .description('translates one payload into one OTLP request; reads stdin without a file or with -; nothing listens')
    .requiredOption('--from <format>', 'format of the payload, such as zipkin-json or jaeger-thrift-binary')
    .addOption(new Option('--to <form>', 'form of the request').choices(['json', 'proto']).default('json'))
    .addOption(
      new Option('--signal <signal>', 'of a payload that holds several (es-bulk, es-docs), this one alone').choices([
        'traces',
        'metrics',
        'logs',
      ]),
    )
    .option(
      '--explain',
      'prints instead, for each field of the request, the rule that made it and what it came from, and what was left out',
    )
    .addOption(new Option('--json', 'with --explain: one JSON record a line'))
    .addOption(new Option('--max-size <size>', 'largest payload, decompressed; it is read whole').default('256MiB'))
    .addOption(fileOption())
    .addOption(setOption())
    .action(async (file, given) => finish(await (await import('./translate.ts')).translate(file, given, io)))

  program
    .command('check-config')
    .description('validates a configuration; all faults are listed at once')
    .addOption(fileOption())
    .addOption(setOption())
    .option('--print', 'prints the effective configuration, secrets masked')
    .addOption(jsonOption())
    .action(async (given) => finish(await (await import('./check-config.ts')).checkConfig(given, io)))

  program
    .command('preflight')
    .description('asks ports, destinations, old backends, clocks, certificates and disk before a cutover; each finding names the knob')
    .addOption(fileOption())
    .addOption(setOption())
    .addOption(
      new Option('--query-url <url>', 'query API of Jaeger, Tempo, Prometheus or Loki to read probes back from; may be repeated')
        .argParser(collect)
        .default([], 'the usual ports beside each endpoint'),
    )
    .option('--age <duration>', 'how old the old probe is', '24h')
    .addOption(new Option('--for <task>', 'backfill: whether history is taken, and seen').choices(['cutover', 'backfill']))
    .option('--since <time>', 'with --for backfill: the oldest time to be filled in, as of backfill (7d)')
    .addOption(
      new Option('--destination <program>', 'with --for backfill: what answers at emit.endpoint, where that cannot be asked').choices([
        ...['tempo', 'jaeger', 'loki', 'prometheus', 'mimir', 'victoria', 'clickhouse', 'elastic', 'collector', 'other'],
      ]),
    )
    .option('--no-send', 'sends no probes: nothing is written anywhere')
    .addOption(jsonOption())
    .action(async (given) => finish(await (await import('./preflight.ts')).preflight(given, io)))

  addParity(program, io, finish)

  program
    .command('import-config [words...]')
    .usage('[options] <file> | [options] -- [program] <flags...>')
    .description(
      'makes a bridge configuration out of Jaeger, Zipkin or Collector files, flags and environments; says what it could not carry over',
    )
    .addOption(jsonOption())
    .action(async (words, given) => finish(await (await import('./import-config.ts')).importConfig(words, given, io)))

  addBackfill(program, { io, finish, configured: (command) => command.addOption(fileOption()).addOption(setOption()), json: jsonOption })
  addConvert(program, { io, finish, configured: (command) => command.addOption(fileOption()).addOption(setOption()), json: jsonOption })
  addCutover(program, { io, finish, configured: (command) => command.addOption(fileOption()).addOption(setOption()), json: jsonOption })
  addQueue(program, io, finish)
  return program
}

/** Runs one command line. Resolves with the exit code; what went wrong stands on stderr then. Never rejects. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  let code = 0
  const program = createProgram(io, (given) => {
    code = given
  })
  try {
    if (argv.length === 0) {
      io.err(program.helpInformation())
      return 2
    }
    await program.parseAsync(argv, { from: 'user' })
    return code
  } catch (error) {
    // commander has said what is wrong already; its own code is 1 for every wrong use.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const { code: failed, text } = explain(error)
    io.err(`${text}\n`)
    return failed
  }
}
