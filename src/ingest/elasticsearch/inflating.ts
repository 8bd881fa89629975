/** Inflates a body as it comes. What is larger than a few MiB is never in memory whole. */

import { constants, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib'
import { BridgeError } from '../../errors.ts'
import { type Encoding, hasZlibHeader, zstdWindowLog } from '../decompress.ts'

export interface InflatingTo {
  /** Plain bytes, the receiver's from now on. */
  data(chunk: Buffer): void
  /** The body has ended where it may. */
  end(): void
  /** OB_DECODE_ENCODING; nothing comes after it. */
  failed(error: BridgeError): void
}

export interface Inflating {
  /** Returns false when no more is to be written before `drained` was called. */
  write(chunk: Buffer, drained: () => void): boolean
  end(): void
  /** No more plain bytes, but for those of a call that is under way. */
  pause(): void
  resume(): void
  close(): void
}

const chunkSize = 64 * 1024

function createStream(encoding: Encoding, head: Uint8Array) {
  if (encoding === 'zstd') {
    const params = { [constants.ZSTD_d_windowLogMax]: zstdWindowLog }
    return createZstdDecompress({ chunkSize, params, rejectGarbageAfterEnd: true })
  }
  // Several members one after the other are one body; anything else behind the first is a fault by itself.
  if (encoding === 'gzip') return createGunzip({ chunkSize })
  return hasZlibHeader(head)
    ? createInflate({ chunkSize, rejectGarbageAfterEnd: true })
    : createInflateRaw({ chunkSize, rejectGarbageAfterEnd: true })
}

/** @param head the first two bytes of the body: `deflate` is written in two ways */
export function createInflating(encoding: Encoding, head: Uint8Array, to: InflatingTo): Inflating {
  const stream = createStream(encoding, head)
  stream.on('data', to.data)
  stream.on('end', () => to.end())
  stream.on('error', (error) => {
    to.failed(new BridgeError('OB_DECODE_ENCODING', `cannot decompress body: ${error.message}`, { cause: error }))
  })
  return {
    write(chunk, drained) {
      const mayGoOn = stream.write(chunk)
      if (!mayGoOn) stream.once('drain', drained)
      return mayGoOn
    },
    end: () => void stream.end(),
    pause: () => void stream.pause(),
    resume: () => void stream.resume(),
    close() {
      stream.removeAllListeners('data')
      stream.removeAllListeners('end')
      stream.destroy()
    },
  }
}
