/** What a conversion reads: files, folders, stdin, and live Grafana, Kibana or Prometheus. */

import { opendir, readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { BridgeError } from '../errors.ts'
import { tooLarge, unreadable } from './input.ts'
import type { Io } from './io.ts'

/** Bytes of one file. */
const largestBytes = 64 * 1024 * 1024
const mostFiles = 100_000
const mostFolders = 64

/** Endings of what can be converted; other files of a folder are listed, not read. */
const endings = /\.(?:json|ndjson|jsonl|ya?ml|html?|tf|txt|rules|watch)$/i

export interface ListedSource {
  /** For reports and names of results: relative to the folder that was given, forward slashes. */
  readonly path: string
  /** Of a file: where it is, links resolved. */
  readonly file?: string | undefined
  /** The folder that files beside it may be read from; undefined: none. */
  readonly root?: string | undefined
  /** Named by itself, not found in a folder. */
  readonly named: boolean
  /** Not of an ending that is looked into. */
  readonly skipped?: boolean
  readonly link?: string | undefined
  read(): Promise<string>
}

async function readText(file: string, shown: string): Promise<string> {
  try {
    const { size } = await stat(file)
    if (size > largestBytes) throw tooLarge(shown, largestBytes)
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw cause instanceof BridgeError ? cause : unreadable(shown, cause)
  }
}

/** Files of a folder, in the order of their paths. Links are followed only to files within it. */
async function filesBelow(root: string): Promise<string[]> {
  const found: string[] = []
  const walk = async (folder: string, depth: number): Promise<void> => {
    if (depth > mostFolders) throw new BridgeError('OB_INPUT', `cannot read ${folder}: more than ${mostFolders} folders within each other`)
    for await (const entry of await opendir(folder)) {
      const path = join(folder, entry.name)
      if (entry.name === '.git' || entry.name === 'node_modules') continue
      if (entry.isDirectory()) await walk(path, depth + 1)
      else if (entry.isFile()) found.push(path)
      else if (entry.isSymbolicLink()) {
        const target = await realpath(path).catch(() => undefined)
        if (target?.startsWith(root + sep) === true && (await stat(target)).isFile()) found.push(path)
      }
      if (found.length > mostFiles) throw new BridgeError('OB_INPUT', `cannot read ${root}: it has more than ${mostFiles} files`)
    }
  }
  await walk(root, 0)
  return found.sort()
}

export const isRemote = (source: string): boolean => /^(?:grafana|kibana|prometheus)\+https?:\/\//.test(source)

const slashed = (path: string): string => path.split(sep).join('/')

/** Lists all sources in a stable order. Rejects with OB_INPUT for what is not there. @param remote lists what a URL holds */
export async function listSources(
  given: readonly string[],
  io: Io,
  remote: (url: string) => Promise<readonly ListedSource[]>,
): Promise<readonly ListedSource[]> {
  const listed: ListedSource[] = []
  for (const source of given) {
    if (source === '-') {
      listed.push({ path: 'stdin', named: true, read: async () => Buffer.from(await io.stdin()).toString('utf8') })
      continue
    }
    if (isRemote(source)) {
      listed.push(...(await remote(source)))
      continue
    }
    if (/^[a-z]+(?:\+[a-z]+)?:\/\//i.test(source))
      throw new BridgeError(
        'OB_CONFIG',
        `cannot read ${source.split('?')[0]}: expected grafana+https://, kibana+https:// or prometheus+https://`,
      )
    const file = await realpath(source).catch((cause: unknown) => {
      throw unreadable(source, cause)
    })
    if ((await stat(file)).isDirectory()) {
      for (const one of await filesBelow(file)) {
        const path = slashed(relative(file, one))
        const skipped = !endings.test(one)
        listed.push({ path, file: one, root: file, named: false, skipped, read: () => readText(one, path) })
      }
    } else listed.push({ path: basename(source), file, root: dirname(file), named: true, read: () => readText(file, source) })
  }
  return unique(listed)
}

/** Two sources that would be written to one place: the second gets a number. */
function unique(listed: readonly ListedSource[]): readonly ListedSource[] {
  const taken = new Set<string>()
  return listed.map((one) => {
    let path = one.path
    for (let count = 2; taken.has(path); count++) path = one.path.replace(/(\.[^./]*)?$/, `-${count}$1`)
    taken.add(path)
    return path === one.path ? one : { ...one, path }
  })
}

/** The file beside a source, where it is within the folder that was given. */
export function besidePath(source: ListedSource, path: string): string | undefined {
  if (source.file === undefined || source.root === undefined) return undefined
  const file = resolve(dirname(source.file), path)
  return file.startsWith(source.root + sep) ? file : undefined
}
