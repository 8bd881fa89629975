/** The flags of a back-fill that do not depend on its source. */

import { type Command, Option } from 'commander'
import type { RunFlags } from '../backfill/options.ts'
import type { ConfigOptions } from '../config/compose.ts'

/** What all of the commands have. */
export interface BackfillOptions extends RunFlags, ConfigOptions {
  /** Which run; its first digits are enough. */
  readonly run?: string
}

const collect = (value: string, before: readonly string[]): string[] => [...before, value]

/** On every command. */
export const ledgerOption = (): Option =>
  new Option('--ledger <folder>', 'where the ledgers are; default: backfill.ledger, ./otlp-bridge-data/backfill')

/** On every command that looks at a run. */
export const workersOption = (): Option =>
  new Option('--workers <url>', 'redis://host:6379: the run is done by several machines, and what it remembers is there')

/** Flags of a run, whatever its source. Exported for the help of a source, and for the test that no source has a flag of the same name. */
export function addRunFlags(command: Command): Command {
  return command
    .option('--since <time>', 'items from then on: 2026-11-07T00:00:00Z, 2026-11-07, 14d (ago), or ms since 1970')
    .option('--until <time>', 'items before then; cutover: up to where the bridge took over')
    .option('--seam <time>', 'with --until cutover: so long before and after it the bridge is asked item by item what it has (15m)')
    .option('--bridge-data <folder>', 'with --until cutover: the folder of the queue of the bridge; default: queue.path')
    .addOption(new Option('--service <name>', 'only of this service; may be repeated').argParser(collect).default([], 'none'))
    .option('--query <query>', "the source's own filter: query DSL as JSON, a selector")
    .option('--plan', 'says what there is and how long it will take; sends nothing')
    .option('--parallel <count>', 'slices at the same time, at the most (4)')
    .option('--rate <items>', 'items a second at the most, as in 20000/s; below it the pace follows both sides')
    .option('--rate-bytes <size>', 'bytes of OTLP a second at the most, as in 30MB/s')
    .option('--only <times>', 'runs at these times of day alone, as in 22:00-06:00,Sat-Sun@Europe/Berlin')
    .addOption(
      new Option(
        '--order <order>',
        'time: oldest first, all slices within half an hour; any: as fast as can be. Default: any for spans, files and destinations that take any order; else time',
      ).choices(['time', 'any']),
    )
    .option('--to-file <folder>', 'writes files there instead of sending anything')
    .option('--split <size>', 'with --to-file: a new file after so much (256MB)')
    .addOption(
      new Option('--file-format <format>', 'with --to-file: OTLP/JSON lines, or protobuf, each request behind its length (jsonl)').choices([
        'jsonl',
        'proto',
      ]),
    )
    .addOption(new Option('--compress <form>', 'with --to-file (zstd)').choices(['zstd', 'gzip', 'none']))
    .option('--metrics-port <port>', 'serves metrics of the run on this port of 127.0.0.1 (off)')
    .addOption(ledgerOption())
    .option(
      '--destination <program>',
      'what answers at emit.endpoint, where that cannot be asked: tempo, jaeger, loki, prometheus, mimir, …',
    )
    .option('--skip-refused', 'leaves out what the destination refuses for its age, and goes on behind it')
    .option('--continue', 'although the mapping has changed: goes on with the run as it was planned')
    .addOption(workersOption())
    .option('--clean', 'with --workers: removes the run from Redis when all is done')
    .option('--rebuild', 'plans anew and sends everything, whatever was sent before')
}
