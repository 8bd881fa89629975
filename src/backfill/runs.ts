/** The runs whose ledgers are in a folder. */

import { readdir } from 'node:fs/promises'
import { BridgeError, isBridgeError } from '../errors.ts'
import type { Ledger, RunMeta, Summary } from './ledger.ts'
import { createFileLedger } from './ledger-file.ts'

export interface KnownRun {
  readonly meta: RunMeta
  readonly summary: Summary
}

const pattern = /^([0-9a-f]{16})\.db$/

/** Ids of runs in a folder; none when there is no such folder. */
export async function runIds(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).flatMap((name) => pattern.exec(name)?.[1] ?? []).sort()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw new BridgeError(
      'OB_LEDGER',
      `cannot read the folder of ledgers ${folder}: ${error instanceof Error ? error.message : String(error)}`,
      {
        place: folder,
        cause: error,
      },
    )
  }
}

/** Those that can be read, the one begun last first. @param onFault tells of one that cannot */
export async function listRuns(folder: string, onFault: (run: string, message: string) => void): Promise<readonly KnownRun[]> {
  const found: KnownRun[] = []
  for (const run of await runIds(folder)) {
    try {
      const ledger = await createFileLedger({ folder, run, mode: 'read' })
      try {
        found.push({ meta: ledger.meta, summary: await ledger.summary() })
      } finally {
        await ledger.close()
      }
    } catch (error) {
      if (!isBridgeError(error)) throw error
      onFault(run, error.message)
    }
  }
  return found.sort((a, b) => b.meta.createdMs - a.meta.createdMs)
}

/**
 * The ledger of a run by the first digits of its id; without them the one begun last. Rejects with OB_CONFIG when there is none, or several begin so.
 * @param mode `own` to change it: refused while the run is going on
 */
export async function openRun(folder: string, prefix: string | undefined, mode: 'own' | 'read'): Promise<Ledger> {
  const fault = (cause: string): BridgeError =>
    new BridgeError('OB_CONFIG', `cannot find the run${prefix === undefined ? '' : ` ${prefix}`}: ${cause}`, { place: '--run' })
  if (prefix === undefined) {
    const [last] = await listRuns(folder, () => {})
    if (last === undefined) throw fault(`there is none in ${folder}; --ledger names another folder`)
    return createFileLedger({ folder, run: last.meta.run, mode })
  }
  const fitting = (await runIds(folder)).filter((one) => one.startsWith(prefix))
  const [run] = fitting
  if (run === undefined) throw fault(`there is none in ${folder}; \`backfill status\` lists them`)
  if (fitting.length > 1) throw fault(`${fitting.length} begin so; give more digits`)
  return createFileLedger({ folder, run, mode })
}

/** A run of the same source, options and destination whose mapping is another; the last one begun. */
export async function runWithOtherMapping(folder: string, meta: RunMeta): Promise<KnownRun | undefined> {
  const same = (one: RunMeta): string => JSON.stringify([one.source.kind, one.source.identity, one.destination, sorted(one.options)])
  const wanted = same(meta)
  const runs = await listRuns(folder, () => {})
  return runs.find((one) => one.meta.mappingHash !== meta.mappingHash && same(one.meta) === wanted)
}

const sorted = (options: RunMeta['options']): readonly unknown[] => Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1))
