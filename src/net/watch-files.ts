/** Notices that files were replaced, by looking: works on every file system, and with folders that are swapped by a symbolic link. */

import { stat } from 'node:fs/promises'

export interface FileWatch {
  /** Looks now. Resolves when all that follows from it is done. */
  look(): Promise<void>
  close(): void
}

export interface WatchOptions {
  /** Paths; those that do not exist are watched too. */
  readonly files: readonly string[]
  readonly intervalMs: number
  /** Called once the files have been the same, but other than before, at two looks: several that are written one by one count as one change. */
  readonly onChange: () => Promise<void> | void
}

/** Certificate and key are two files: how long after a change the next look comes. */
const settleMs = 500

/** What tells a file from the one that was there before; links are followed. */
async function signatureOf(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(file, { bigint: true })
    return `${dev} ${ino} ${size} ${mtimeNs}`
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  }
}

/** Starts looking; does not keep the process alive. What the files are like now is the start: the caller has just read them. */
export async function watchFiles({ files, intervalMs, onChange }: WatchOptions): Promise<FileWatch> {
  const signature = async (): Promise<string> => (await Promise.all(files.map(signatureOf))).join('\n')
  let known = await signature()
  let last = known
  let closed = false
  let timer: NodeJS.Timeout | undefined

  const look = async (): Promise<void> => {
    clearTimeout(timer)
    const now = await signature()
    const settled = now === last
    last = now
    if (closed) return
    if (settled && now !== known) {
      known = now
      await onChange()
    }
    again(settled ? intervalMs : Math.min(settleMs, intervalMs))
  }
  const again = (ms: number): void => {
    if (closed) return
    clearTimeout(timer)
    timer = setTimeout(() => void look(), ms)
    timer.unref()
  }
  if (files.length > 0) again(intervalMs)

  return {
    look,
    close() {
      closed = true
      clearTimeout(timer)
    },
  }
}
