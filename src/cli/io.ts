/** What a command sees of the world: streams, environment, signals. Tests hand in their own. */

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Machine-readable output and tables. */
  out(data: string | Uint8Array): void
  /** Everything else. */
  err(text: string): void
  /** Resolves when all that was written has left the process: a pipe takes 64 KiB at a time, and what waits is memory. */
  drained(): Promise<void>
  /** True when `err` is a terminal. */
  readonly terminal: boolean
  /** All of stdin. */
  stdin(): Promise<Uint8Array>
  /**
   * From this call on, SIGINT and SIGTERM abort the signal given back instead of ending the program; a second one ends it at once.
   * Commands that never call it are ended by the first, with exit code 130.
   */
  takeSignals(): AbortSignal
  /** From this call on, SIGHUP calls back instead of ending the program. */
  takeHangups(onHangup: () => void): void
}

/** Exit code of a program that was interrupted. */
export const interruptedCode = 130

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}

const drain = (stream: NodeJS.WriteStream): Promise<void> =>
  // A stream that was closed by its reader calls back too, with an error that its own listener has dealt with.
  new Promise((done) => void stream.write('', () => done()))

/** The {@link Io} of this process. @param exit ends the process at once */
export function createProcessIo(exit: (code: number) => void): Io {
  const abort = new AbortController()
  let taken = false
  const onSignal = (): void => {
    if (!taken || abort.signal.aborted) exit(interruptedCode)
    abort.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  // A reader that goes away (`| head`) is not a fault of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') exit(0)
    else throw error
  })
  return {
    env: process.env,
    out: (data) => void process.stdout.write(data),
    err: (text) => void process.stderr.write(text),
    drained: async () => {
      await Promise.all([drain(process.stdout), drain(process.stderr)])
    },
    terminal: process.stderr.isTTY === true,
    stdin: () => readAll(process.stdin),
    takeSignals: () => {
      taken = true
      return abort.signal
    },
    takeHangups: (onHangup) => void process.on('SIGHUP', onHangup),
  }
}
