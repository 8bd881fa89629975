/** The command `convert` on the command line: section 11 of the conversion reference. */

import { type Command, Option } from 'commander'
import type { Io } from './io.ts'

interface Shared {
  readonly io: Io
  readonly finish: (code: number) => void
  /** Options that name a configuration. */
  readonly configured: (command: Command) => Command
  readonly json: () => Option
}

const many = (flags: string, text: string): Option =>
  new Option(flags, text).argParser((value: string, before: readonly string[]) => [...before, value]).default([], 'none')

/** Adds `convert dashboards` and `convert alerts`. */
export function addConvert(program: Command, { io, finish, configured, json }: Shared): void {
  const convert = program
    .command('convert')
    .description(
      'dashboards and alert rules follow the data: queries are rewritten to the names that the bridge gives; writes to files only',
    )
  const common = (command: Command): Command =>
    configured(command.argument('<source...>', 'files, folders, - for stdin, grafana+https://…, kibana+https://…, prometheus+https://…'))
      .option('--from <format>', 'what the sources are; default: found out, file by file')
      .option(
        '--mapping <file>',
        "the mapping file of the bridge: metrics, labels, fields, indices, datasources, targets (YAML); default: the configuration's",
      )
      .option('--metadata <file>', 'answer of /api/v1/metadata of the old Prometheus: types of metrics')
      .option('--targets <file>', 'the backends that are asked now, as in the section `targets` of the mapping file')
      .addOption(many('--datasource <old=new>', 'data source of Grafana, by uid, name or type → uid of the new one; may be repeated'))
      .option('--export-interval <duration>', 'time between exports of metrics: ranges below four times it are told')
      .addOption(new Option('--scale <where>', 'where a change of unit is made good').choices(['query', 'panel']).default('query'))
      .addOption(
        new Option('--transition <how>', 'panels over the time of the cutover: old-or-new asks both; recording makes old names of new ones')
          .choices(['none', 'old-or-new', 'recording'])
          .default('none'),
      )
      .option('-o, --output <dir>', 'folder for the results, the tree mirrored; - is stdout. Default: stdout, of one source')
      .option('--report <dir>', 'writes report.json, report.md and report.html there')
      .option('--report-url <url>', 'where the report will be found: placeholders link to it')
      .option('--check', 'writes no results; exit code 1 if anything would change')
      .option('--diff', 'prints a unified diff of the queries')
      .option('--min-score <score>', 'exit code 1 below it, 0 to 1')
      .option('--strict', 'files of a folder that are not understood count, too')
      .option('--lenient', 'what is approximate does not count')
      .option('--verify', 'asks both sides before and after, and compares the numbers')
      .addOption(many('--old <url>', 'where the old queries are asked: [prometheus=|loki=]URL; may be repeated'))
      .addOption(many('--new <url>', 'where the new queries are asked, as --old'))
      .option('--at <time>', 'end of the window that is compared; default: now')
      .option('--window <duration>', 'length of the window; default: 1h')
      .option('--windows <count>', 'so many windows, one before the other; default: 1')
      .option('--since <duration>', 'past over which rules are compared; default: 7d')
      .option('--rate <count>', 'questions a second, at most; default: 10')
      .option('--budget <duration>', 'time for all of it; default: 30m')
      .addOption(json())

  common(convert.command('dashboards'))
    .description('dashboards of Grafana and Kibana, console templates, configurations of the Jaeger UI')
    .addOption(new Option('--to <format>', 'what they become').choices(['grafana', 'grafana-v2', 'kibana', 'perses']).default('grafana'))
    .option('--upgrade-panels', 'panels of old plugins (graph, singlestat, table-old) become those of today')
    .action(async (sources, given) => finish(await (await import('./convert.ts')).convertCommand('dashboards', sources, given, io)))
  common(convert.command('alerts'))
    .description('rules of Prometheus, Loki, Grafana, ElastAlert, Watcher and Kibana')
    .addOption(
      new Option(
        '--to <format>',
        'what they become; auto: Prometheus rules of PromQL, Loki rules of questions to logs, managed rules of managed ones',
      )
        .choices(['auto', 'prometheus-rules', 'loki-rules', 'grafana-alerts'])
        .default('auto'),
    )
    .option('--accept-approximate', 'writes approximate rules active; else they are paused')
    .action(async (sources, given) => finish(await (await import('./convert.ts')).convertCommand('alerts', sources, given, io)))
}
