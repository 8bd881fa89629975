/** The body of an answer as one piece of memory, whose parts go back at once: left to the collector, they would be most of its work. */

import type { Readable } from 'node:stream'
import { freeWhole } from '../otlp/encode/chunks.ts'

/**
 * All of a body, in memory of its own. Rejects with what the stream ends with, and with what `tooLarge` makes where it is larger than `maxBytes`; the
 * stream is destroyed then. @param declared bytes as they were announced; 0: not known
 */
export function wholeBody(body: Readable, declared: number, maxBytes: number, tooLarge: () => Error): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (declared > maxBytes) {
      // What it says to being let go of is of no interest.
      body.on('error', () => {}).destroy()
      reject(tooLarge())
      return
    }
    let memory = Buffer.allocUnsafeSlow(declared > 0 ? declared : firstBytes)
    let size = 0
    /** Whoever gave it may look at it until it gives the next one. */
    let before: Uint8Array | undefined

    const ensure = (needed: number): void => {
      if (needed <= memory.length) return
      const larger = Buffer.allocUnsafeSlow(Math.min(Math.max(maxBytes, needed), Math.max(needed, memory.length * 2)))
      memory.copy(larger, 0, 0, size)
      freeWhole(memory)
      memory = larger
    }
    const take = (piece: Buffer): void => {
      if (size + piece.length > maxBytes) {
        body.off('data', take).destroy()
        reject(tooLarge())
        return
      }
      ensure(size + piece.length)
      memory.set(piece, size)
      size += piece.length
      if (before !== undefined) freeWhole(before)
      before = piece
    }
    body.on('data', take)
    body.on('error', reject)
    body.on('end', () => {
      if (before !== undefined) freeWhole(before)
      resolve(size === memory.length ? memory : memory.subarray(0, size))
    })
    body.on('close', () => reject(new Error('the connection was closed before the answer was whole')))
  })
}

/** For bodies that do not say how long they are. */
const firstBytes = 64 * 1024
