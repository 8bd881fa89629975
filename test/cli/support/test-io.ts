/** An {@link Io} that keeps what was written. */

import type { Io } from '../../../src/cli/io.ts'

export interface TestIo extends Io {
  stdout(): string
  stderr(): string
  /** Everything on stdout as bytes. */
  bytes(): Uint8Array
  /** The first signal, as from Ctrl-C. */
  interrupt(): void
  /** A SIGHUP. */
  hangUp(): void
}

export function createTestIo(input: Uint8Array = new Uint8Array(0), env: Record<string, string> = {}): TestIo {
  const out: Buffer[] = []
  const err: string[] = []
  const abort = new AbortController()
  let onHangup = (): void => {}
  return {
    env,
    out: (data) => void out.push(Buffer.from(data)),
    err: (text) => void err.push(text),
    drained: async () => {},
    terminal: false,
    stdin: async () => input,
    takeSignals: () => abort.signal,
    takeHangups: (given) => {
      onHangup = given
    },
    stdout: () => Buffer.concat(out).toString(),
    stderr: () => err.join(''),
    bytes: () => Buffer.concat(out),
    interrupt: () => abort.abort(),
    hangUp: () => onHangup(),
  }
}
