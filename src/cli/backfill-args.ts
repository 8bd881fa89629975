/** The commands of a back-fill on the command line. What its sources take is known when one of them is named. */

import { type Command, Option } from 'commander'
import { addRunFlags, ledgerOption, workersOption } from './backfill-flags.ts'
import type { Io } from './io.ts'

interface Shared {
  readonly io: Io
  readonly finish: (code: number) => void
  /** Options that name a configuration. */
  readonly configured: (command: Command) => Command
  readonly json: () => Option
}

const runOption = (): Option =>
  new Option('--run <id>', 'which run; its first digits are enough. Default: the only one there is, or the last one begun')

/** Adds `backfill` and what is below it. */
export function addBackfill(program: Command, { io, finish, configured, json }: Shared): void {
  const backfill = program
    .command('backfill')
    .argument('[source]', 'where the history is')
    .argument('[words...]', "the source's own flags; `backfill SOURCE --help` lists them")
    .description('fills history out of old stores into the new ones; the same command goes on where it stopped')
    .enablePositionalOptions()
    .allowUnknownOption()

  const runs = async () => import('./backfill-runs.ts')
  const known = (command: Command): Command =>
    configured(command).addOption(ledgerOption()).addOption(runOption()).addOption(workersOption()).addOption(json())

  known(backfill.command('status'))
    .description('lists runs, or the slices of one; with --dead what could not be translated or was refused')
    .option('--dead', 'the dead letters, one JSON record a line with --json')
    .action(async (given) => finish(await (await runs()).backfillStatus(given, io)))
  known(backfill.command('report'))
    .description('prints the report of a run again')
    .action(async (given) => finish(await (await runs()).backfillReport(given, io)))
  known(backfill.command('retry-failed'))
    .description('puts slices that failed or do not match back to where they stood; the command of the run takes them up')
    .option('--reason <reason>', 'only those that failed for it, and those that lost most for it: these from their beginning')
    .option('--dead', 'sends the dead letters of the run again, alone')
    .action(async (given) => finish(await (await runs()).backfillRetry(given, io)))
  known(backfill.command('verify'))
    .description('holds what was read against what the source has now; exit code 0 only when every slice is complete')
    .argument('[words...]', "flags of the run's source, such as its credentials")
    .allowUnknownOption()
    .option('--deep', 'compares contents, not only numbers')
    .option('--read-back <count>', 'fetches so many random items from the new side and compares them field by field')
    .option('--new <url>', 'with --read-back: query URL of the new side; default: parity.new')
    .option('--new-kind <kind>', 'what answers there: jaeger or tempo')
    .addOption(
      new Option(
        '--new-header <header>',
        'header for --new, as "Name: value"; may be repeated; better, a line each, in OTLP_BRIDGE_NEW_HEADERS',
      )
        .argParser((value: string, before: readonly string[]) => [...before, value])
        .default([], 'those of emit, where --new is the same host and port'),
    )
    .action(async (words, given) => finish(await (await import('./backfill-verify.ts')).backfillVerify(words, given, io)))

  configured(backfill.command('worker'))
    .description('does a part of a run that was begun with --workers, until nothing is left; as many as you like, on any machine')
    .argument('<redis>', 'redis://host:6379, as behind --workers')
    .argument('[words...]', "flags of the run's source, such as its credentials")
    .allowUnknownOption()
    .addOption(runOption())
    .option('--parallel <count>', 'slices at the same time on this machine, at the most (4)')
    .option('--rate <items>', 'items a second of this machine at the most; of all together: --rate where the run is planned')
    .option('--destination <program>', 'what answers at emit.endpoint, where that cannot be asked')
    .action(async (redis, words, given) => finish(await (await import('./backfill-worker.ts')).backfillWorker(redis, words, given, io)))

  configured(addRunFlags(backfill))
    .addOption(json())
    // Behind the name of a source it is the source's; the commands above have their own.
    .helpOption(false)
    .action(async (source, words, given) => finish(await (await import('./backfill.ts')).backfill(source, words, given, io)))
}
