/** Histories of any size on disk, written piece by piece: a file of log documents, blocks of Prometheus. */

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { promisify } from 'node:util'
import { randomFrom } from '../crash/support/random.ts'
import { logDocument } from './backfill-load.ts'

const run = promisify(execFile)

async function writePieces(path: string, pieces: Iterable<string>): Promise<void> {
  const out = createWriteStream(path)
  for (const piece of pieces) if (!out.write(piece)) await once(out, 'drain')
  out.end()
  await once(out, 'finish')
}

const piece = 2000
const startMs = Date.UTC(2026, 10, 1)

function* documents(count: number): Generator<string> {
  const random = randomFrom(count)
  for (let from = 0; from < count; from += piece) {
    const lines: string[] = []
    for (let number = from; number < Math.min(count, from + piece); number++)
      lines.push(JSON.stringify(logDocument(number, startMs + number, random)))
    yield `${lines.join('\n')}\n`
  }
}

/** So many documents, one a line. */
export const writeDocuments = (path: string, count: number): Promise<void> => writePieces(path, documents(count))

const gauges = 1000
const everySeconds = 2

function* samples(count: number): Generator<string> {
  const times = Math.ceil(count / gauges)
  for (let family = 0; family < 20; family++) {
    yield `# TYPE shop_load_${family} gauge\n`
    const own = gauges / 20
    for (let one = 0; one < own; one++) {
      const lines: string[] = []
      for (let at = 0; at < times; at++)
        lines.push(
          `shop_load_${family}{instance="10.0.0.${one}:9100",job="shop"} ${Math.sin(at + one) * 1000} ${startMs / 1000 + at * everySeconds}`,
        )
      yield `${lines.join('\n')}\n`
    }
  }
  yield '# EOF\n'
}

/** Blocks of 1,000 series with so many samples, by promtool. */
export async function writeBlocks(promtool: string, folder: string, count: number): Promise<void> {
  const text = `${folder}.om`
  await writePieces(text, samples(count))
  await run(promtool, ['tsdb', 'create-blocks-from', 'openmetrics', text, folder], { maxBuffer: 2 ** 26 })
  await rm(text)
}
