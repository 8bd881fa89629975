/** Files by their names: patterns, folders, standard input. In natural order, so that `part-10` comes behind `part-9`. */

import { createHash } from 'node:crypto'
import { glob, readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { BridgeError } from '../../../errors.ts'
import { sourceFault } from '../../../read/patient-client.ts'

/** What stands for standard input. */
export const inputName = '-'

/** More files are not taken at once. */
const mostFiles = 1_000_000

const naturally = new Intl.Collator('en', { numeric: true, sensitivity: 'variant' })

const isBlock = (names: readonly string[]): boolean => names.includes('meta.json') && names.includes('index')
const isUlid = (name: string): boolean => /^[0-9A-HJKMNP-TV-Z]{26}$/.test(name)

async function ofFolder(folder: string, found: Set<string>): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true })
  const names = entries.map(({ name }) => name)
  if (isBlock(names) || names.some(isUlid) || names.includes('chunks_head'))
    throw new BridgeError(
      'OB_CONFIG',
      `cannot read ${folder} as files: it holds blocks of Prometheus; use: otlp-bridge backfill prometheus-tsdb ${folder}`,
      {
        place: folder,
      },
    )
  for (const entry of entries) {
    // What is hidden is somebody's own.
    if (entry.name.startsWith('.')) continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await ofFolder(path, found)
    else if (entry.isFile() && !basename(path).endsWith('.index')) found.add(path)
    if (found.size > mostFiles)
      throw new BridgeError('OB_CONFIG', `cannot read ${folder}: it has more than ${mostFiles} files`, { place: folder })
  }
}

/**
 * The files that are meant; `-` stands alone. Rejects with OB_CONFIG for a folder of blocks, which are another source's; with OB_SOURCE where a pattern
 * matches nothing, and for what cannot be looked at.
 */
export async function findFiles(patterns: readonly string[]): Promise<readonly string[]> {
  if (patterns.includes(inputName)) {
    if (patterns.length > 1) throw new BridgeError('OB_CONFIG', 'cannot read files: standard input (-) is read alone', { place: inputName })
    return [inputName]
  }
  const found = new Set<string>()
  for (const pattern of patterns) {
    const before = found.size
    try {
      // What is there under the very name is meant, whatever marks of a pattern are in it.
      const exact = await stat(pattern).catch(() => undefined)
      const paths = exact === undefined ? [] : [pattern]
      if (exact === undefined) for await (const path of glob(pattern)) paths.push(path)
      for (const path of paths) {
        const about = await stat(path)
        if (about.isDirectory()) await ofFolder(path, found)
        else found.add(path)
      }
      if (found.size === before && paths.length === 0)
        throw new BridgeError('OB_SOURCE', `cannot read ${pattern}: there is no such file`, { place: pattern })
    } catch (error) {
      if (error instanceof BridgeError) throw error
      throw sourceFault('source_error', `cannot read ${pattern}: ${error instanceof Error ? error.message : String(error)}`, pattern, error)
    }
  }
  return [...found].sort(naturally.compare)
}

/** Path, size and first 4 KiB; not the time of change, which copying changes. 16 hex digits. */
export function fileIdentity(path: string, size: number, raw: Uint8Array): string {
  return createHash('sha256').update(`${path}\0${size}\0`).update(raw).digest('hex').slice(0, 16)
}
