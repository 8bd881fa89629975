/** Writes results: whole or not at all, never outside of the folder that was named, never over a source that was not meant. */

import { mkdir, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { BridgeError } from '../errors.ts'

export interface OutputFolder {
  /** @param path relative, forward slashes; resolves to where it was written. Rejects with OB_CONFIG for a place that is not ours */
  write(path: string, text: string): Promise<string>
}

/** @param sources files that were read, links resolved @param inPlace whether the folder is one of those that were given as sources */
export async function createOutputFolder(folder: string, sources: ReadonlySet<string>, inPlace: boolean): Promise<OutputFolder> {
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new BridgeError('OB_CONFIG', `cannot write to ${folder}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      place: '--output',
    })
  })
  const root = await realpath(folder)
  const made = new Set<string>()
  return {
    async write(path, text) {
      const file = resolve(root, path)
      if (!file.startsWith(root + sep)) throw new BridgeError('OB_CONFIG', `cannot write ${path}: it is outside of ${folder}`)
      const parent = dirname(file)
      if (!made.has(parent)) {
        await mkdir(parent, { recursive: true })
        // A link that was there already could lead out.
        const real = await realpath(parent)
        if (real !== root && !real.startsWith(root + sep))
          throw new BridgeError('OB_CONFIG', `cannot write ${path}: ${parent} leads out of ${folder}`)
        made.add(parent)
      }
      const real = await realpath(file).catch(() => file)
      if (sources.has(real) && !inPlace)
        throw new BridgeError(
          'OB_CONFIG',
          `cannot write ${path}: it would replace a source; name the folder of the sources by -o to convert in place`,
        )
      const temporary = join(parent, `.${process.pid}.${file.slice(parent.length + 1).slice(0, 100)}.tmp`)
      try {
        await writeFile(temporary, text, { flag: 'wx' })
        await rename(temporary, file)
      } catch (error) {
        await rm(temporary, { force: true })
        throw error
      }
      return file
    },
  }
}
