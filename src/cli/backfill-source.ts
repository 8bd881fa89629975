/** A source out of the command line: which one, its flags, its help, and opened. */

import { Command, Option } from 'commander'
import type { Source, SourceDeps } from '../backfill/source.ts'
import type { SourceKind } from '../backfill/source-kind.ts'
import { parseSourceOptions, type SourceFlag, sourceFlags } from '../backfill/source-options.ts'
import { sourceEntries } from '../backfill/sources.ts'
import type { Config } from '../config/compose.ts'
import { nearest } from '../config/nearest.ts'
import { BridgeError } from '../errors.ts'
import { addRunFlags } from './backfill-flags.ts'
import type { Io } from './io.ts'

/** A source that was named. */
export interface Chosen {
  readonly name: string
  readonly kind: SourceKind
}

/** Loads it. Rejects with OB_CONFIG for a name that is none. */
export async function chooseSource(name: string): Promise<Chosen> {
  const entry = Object.hasOwn(sourceEntries, name) ? sourceEntries[name] : undefined
  if (entry !== undefined) return { name, kind: await entry.load() }
  const known = Object.keys(sourceEntries)
  const commands = ['status', 'verify', 'retry-failed', 'report']
  const meant = nearest(name, [...known, ...commands])
  const hint = meant === undefined ? `sources: ${known.join(', ')}` : `did you mean ${meant}?`
  throw new BridgeError('OB_CONFIG', `cannot fill in from ${name}: ${hint}`, { place: 'backfill' })
}

const collect = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value]

function addFlag(command: Command, { flag, takes, value, description, fallback, required }: SourceFlag): void {
  const option = new Option(
    takes === 'nothing' ? flag : `${flag} <${value.length > 30 ? 'word' : value}>`,
    `${description}${required ? ' Required.' : ''}${fallback === '' ? '' : ` (${fallback})`}`,
  )
  if (takes === 'list') option.argParser(collect)
  command.addOption(option)
}

function commandOf({ name, kind }: Chosen): Command {
  const command = new Command(`otlp-bridge backfill ${name}`).helpOption(false)
  if (kind.argument !== undefined) {
    const { name: word, variadic, description } = kind.argument
    command.argument(`[${word}${variadic ? '...' : ''}]`, description)
  } else command.allowExcessArguments(false)
  for (const flag of sourceFlags(kind)) addFlag(command, flag)
  return command
}

/** What was given for a source. */
export interface SourceWords {
  /** By key, unparsed but for numbers; what was not given is not there. */
  readonly given: Readonly<Record<string, unknown>>
  readonly args: readonly string[]
}

/** Flags of a source out of words. Faults of usage are told on stderr and thrown as commander does. */
export function readSourceWords(chosen: Chosen, words: readonly string[], io: Io): SourceWords {
  const command = commandOf(chosen)
  command.configureOutput({ writeOut: io.out, writeErr: io.err }).exitOverride().showSuggestionAfterError()
  command.parse([...words], { from: 'user' })
  const given: Record<string, unknown> = {}
  for (const { key, takes } of sourceFlags(chosen.kind)) {
    const value: unknown = command.getOptionValue(key)
    if (value === undefined || command.getOptionValueSource(key) === 'default') continue
    // A number that is none is for the schema to refuse.
    given[key] =
      takes === 'number' && typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value
  }
  return { given, args: command.args }
}

const runFlagsHelp = (): string =>
  addRunFlags(new Command('x').helpOption(false))
    .helpInformation()
    .replace(/^[\s\S]*?Options:/, '\nOptions of every run:')

/** Help of one source: its own flags, then those of every run. */
export function sourceHelp(chosen: Chosen): string {
  const own = commandOf(chosen)
    .description(sourceEntries[chosen.name]?.summary ?? '')
    .usage(
      `${chosen.kind.argument === undefined ? '' : `${chosen.kind.argument.name.toUpperCase()}${chosen.kind.argument.variadic ? '…' : ''} `}[options]`,
    )
  return `${own.helpInformation()}${runFlagsHelp()}`
}

/** All sources, a line each, and their flags by name. */
export async function sourcesHelp(): Promise<string> {
  const names = Object.keys(sourceEntries)
  const width = Math.max(0, ...names.map((name) => name.length))
  const lines = await Promise.all(
    names.map(async (name) => {
      const entry = sourceEntries[name]
      const flags = entry === undefined ? [] : sourceFlags(await entry.load()).map(({ flag }) => flag)
      return `  ${name.padEnd(width)}  ${entry?.summary ?? ''}\n  ${' '.repeat(width)}  ${flags.join(' ')}`
    }),
  )
  return `Usage: otlp-bridge backfill SOURCE [flags]
       otlp-bridge backfill status | report | verify | retry-failed

Fills history out of old stores into the new ones. The same command goes on where it stopped.

Sources (\`otlp-bridge backfill SOURCE --help\` says what their flags mean):
${lines.join('\n')}
${runFlagsHelp()}`
}

/** Options of the source: flags over section `backfill.sources` of the configuration. Throws OB_CONFIG. */
export function sourceOptionsOf(
  { name, kind }: Chosen,
  { given }: Pick<SourceWords, 'given'>,
  config: Config,
): Readonly<Record<string, unknown>> {
  return parseSourceOptions(name, kind, given, config.backfill.sources[name])
}

/** Opens it. Rejects with OB_CONFIG, or OB_SOURCE when nothing can be read there. */
export async function openSource(
  { name, kind }: Chosen,
  options: Readonly<Record<string, unknown>>,
  args: readonly string[],
  deps: SourceDeps,
): Promise<Source> {
  if (kind.argument !== undefined && args.length === 0)
    throw new BridgeError('OB_CONFIG', `cannot open ${name}: ${kind.argument.name} is missing (${kind.argument.description})`, {
      place: name,
    })
  return kind.open(options, args, deps)
}
