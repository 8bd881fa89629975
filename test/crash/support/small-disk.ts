/** A small file system of its own, that can be filled and made read-only. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export interface SmallDisk {
  readonly path: string
  freeBytes(): number
  /** Takes all that is free, as somebody else's data would. */
  fill(): void
  /** Takes that away again. */
  free(): void
  readOnly(on: boolean): void
}

/** Mounts a tmpfs; undefined, with a warning, where that is not allowed. It is gone when the test ends. */
export function mountSmallDisk(mebibytes: number): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), 'otlp-bridge-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path], { stdio: 'pipe' })
  } catch {
    rmSync(path, { recursive: true })
    console.warn('SKIPPED: a small file system cannot be mounted here (root only), so full and read-only disks were not tested')
    return undefined
  }
  onTestFinished(() => {
    // Lazily: the bridge is killed by another such function and may still be dying.
    execFileSync('umount', ['-l', path])
    rmSync(path, { recursive: true })
  })
  const filler = join(path, 'filler')
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize
  }
  return {
    path,
    freeBytes,
    fill() {
      for (let size = 2 ** 24; size >= 4096; size /= 2) {
        try {
          while (freeBytes() >= size) writeFileSync(filler, Buffer.alloc(size, 1), { flag: 'a' })
        } catch {
          // Full: that is what is wanted.
        }
      }
    },
    free: () => rmSync(filler, { force: true }),
    readOnly: (on) => void execFileSync('mount', ['-o', `remount,${on ? 'ro' : 'rw'}`, path], { stdio: 'pipe' }),
  }
}
