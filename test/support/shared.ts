/** Where the shared vectors are: beside the checkout, or where OTLP_BRIDGE_SHARED says. Absent: tests skip, loudly. */

import { existsSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Absolute path of the shared folder. */
export const sharedFolder = resolve(root, process.env['OTLP_BRIDGE_SHARED'] ?? '../shared')

/** Files of `vectors/<format>`; empty, with a warning, where the folder is absent. */
export function vectorFiles(format: string): string[] {
  const folder = resolve(sharedFolder, 'vectors', format)
  if (!existsSync(folder)) {
    console.warn(`SKIPPED: ${folder} is absent, the golden vectors of ${format} were not tested (set OTLP_BRIDGE_SHARED)`)
    return []
  }
  return readdirSync(folder)
    .sort()
    .map((name) => resolve(folder, name))
}
