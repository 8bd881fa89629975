import { readFileSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openStore, storeFile } from '../../../src/emit/queue/store.ts'
import { stateFolder } from '../support/queues.ts'

/** Locks of this process on a file: `POSIX  ADVISORY  READ 1234 fe:00:56789 128 128`. */
const locksOn = (file: string): string[] => {
  const { ino } = statSync(file)
  return readFileSync('/proc/locks', 'utf8')
    .split('\n')
    .filter((line) => line.includes(` ${process.pid} `) && line.includes(`:${ino} `))
}

describe.skipIf(process.platform !== 'linux')('openStore', () => {
  it('keeps the locks that tell other processes that it is there, after looking for commits that are lost', () => {
    const path = stateFolder()
    openStore(path, 'FULL').close()
    const store = openStore(path, 'FULL', () => {})
    // Without it, the next process to open the store cuts the -shm, and this one dies of SIGBUS.
    expect(locksOn(`${storeFile(path)}-shm`).join('\n')).toMatch(/READ .* 128 128$/m)
    store.close()
  })
})
