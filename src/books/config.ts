/** Section `mirror.books` of the configuration. */

import { z } from 'zod'
import { byteSize, duration } from '../config/units.ts'

const MiB = 2 ** 20
const hour = 3_600_000

/** Section `mirror.books`: how much is kept of what came in and what became of it on each side. */
export const booksConfig = z
  .strictObject({
    path: z
      .string()
      .min(1)
      .optional()
      .describe('Folder of `books.db`. Default: that of the disk queue; without one the books are in memory and end with the process.'),
    maxKeys: z
      .number()
      .int()
      .min(1)
      .max(100_000)
      .default(2000)
      .describe('Services, jobs or indices told apart per format; the rest is `(other)`.'),
    minutes: duration.default(48 * hour).describe('How long single minutes are kept; after that they are hours.'),
    hours: duration.default(35 * 24 * hour).describe('How long hours are kept.'),
    maxSize: byteSize.default(512 * MiB).describe('Bytes of the file; the oldest minutes become hours earlier, then the oldest hours go.'),
    keepSamples: byteSize
      .default(64 * MiB)
      .describe('Bytes of sampled items, as received and as sent, for the parity check; the oldest go first. 0: none are kept.'),
  })
  .prefault({})
  .describe('What came in, minute by minute, and what became of it on each side.')

export type BooksConfig = z.output<typeof booksConfig>
