/** `otlp-bridge import-config`: a bridge configuration on stdout, and on stderr what could not be carried over. */

import { existsSync } from 'node:fs'
import { configSchema } from '../config/compose.ts'
import { faultsOf, printFaults } from '../config/faults.ts'
import { readYaml } from '../config/yaml.ts'
import type { Finding, Level } from '../import-config/draft.ts'
import { type Imported, importFile, importFlags } from '../import-config/import-config.ts'
import { readInput } from './input.ts'
import type { Io } from './io.ts'
import { printTable } from './table.ts'

export interface ImportConfigOptions {
  readonly json?: boolean
}

const order: readonly Level[] = ['missing', 'differs', 'carried', 'needless']

const titles: Readonly<Record<Level, string>> = {
  missing: 'not carried over',
  differs: 'carried over, have a look',
  carried: 'carried over',
  needless: 'needs no counterpart',
}

const maxFileBytes = 16 * 2 ** 20

function report(findings: readonly Finding[]): string {
  return order
    .map((level) => ({ level, found: findings.filter((one) => one.level === level) }))
    .filter(({ found }) => found.length > 0)
    .map(({ level, found }) => {
      const columns = [found.map((one) => one.from), found.map((one) => one.to ?? ''), found.map((one) => one.message ?? '')] as const
      const wanted = columns.map((column) => column.some((cell) => cell !== ''))
      const shown = (cells: readonly string[]): string[] => cells.filter((_, at) => wanted[at])
      const rows = found.map((_, at) => shown(columns.map((column) => column[at] ?? '')))
      return `${titles[level]}\n${printTable(shown(['from', 'becomes', 'why']), rows)}`
    })
    .join('\n')
}

/** What the schema says of the result, each variable in it at its default: values that are read differently here. Each is a finding, not a refusal. */
async function faultsIn({ config }: Imported): Promise<string> {
  const { stringify } = await import('yaml')
  const { tree } = await readYaml(stringify(config), {})
  const read = configSchema.safeParse(tree)
  return read.success ? '' : printFaults(faultsOf(configSchema, tree, read.error.issues, () => undefined, 'the result'))
}

/** A program's name alone is a command line without flags. */
const isProgram = (word: string): boolean => /(^|\/)jaeger-(agent|collector|ingester|all-in-one)$/.test(word) && !existsSync(word)

/** Prints the configuration. Exit code 1 when something was not carried over, 0 otherwise. */
export async function importConfig(words: readonly string[], options: ImportConfigOptions, io: Io): Promise<number> {
  const [first] = words
  const isFile = words.length === 1 && first !== undefined && (first === '-' || !(first.startsWith('-') || isProgram(first)))
  const imported = isFile ? await importFile(Buffer.from(await readInput(first, maxFileBytes, io)).toString(), first) : importFlags(words)
  const { findings } = imported
  const faults = await faultsIn(imported)
  const lost = findings.filter((one) => one.level === 'missing').length
  if (options.json === true) {
    io.out(`${JSON.stringify({ config: imported.config, findings, faults: faults === '' ? [] : faults.split('\n') }, null, 2)}\n`)
  } else {
    const { stringify } = await import('yaml')
    io.out(stringify(imported.config))
    io.err(`${report(findings)}\n`)
    if (faults !== '') io.err(`the result still has faults, to be mended by hand:\n${faults}\n`)
  }
  return lost > 0 || faults !== '' ? 1 : 0
}
