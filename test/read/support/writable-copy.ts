/** Copies of vectors, which may be read-only, to be changed. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Copies a folder with all that is in it; folders and files can be written. */
export function writableCopy(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [one, other] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) writableCopy(one, other)
    else writeFileSync(other, readFileSync(one))
  }
}
