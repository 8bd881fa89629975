/** Remote-read of Prometheus and of what speaks it (Thanos, Mimir, VictoriaMetrics): mapping/backfill.md 2.8. An answer is used whole, or not at all. */

import { isBridgeError } from '../errors.ts'
import { createSnappy } from '../ingest/prometheus/snappy.ts'
import { faultWord, type PatientClient } from './patient-client.ts'
import { type ReadAnswer, type ReadRange, SeriesGather, TooMuch, TornAnswer } from './prometheus-gather.ts'
import {
  AnswerType,
  encodeReadRequest,
  frames,
  type Matcher,
  readChunkedMessage,
  readSamplesMessage,
  snappyLiteral,
} from './prometheus-remote-read-wire.ts'

export interface RemoteRead {
  /**
   * All samples of the range. Throws {@link TooMuch} when it holds, or would cost the server, more than may be had at once, {@link TornAnswer} for
   * an answer that is not whole, and what the client throws.
   */
  read(matchers: readonly Matcher[], range: ReadRange, abort: AbortSignal): Promise<ReadAnswer>
}

/** What may be asked for. `any`: chunks where the server has them. */
export type Accepted = 'any' | 'chunks' | 'samples'

const acceptedTypes: Readonly<Record<Accepted, readonly number[]>> = {
  any: [AnswerType.Chunks, AnswerType.Samples],
  chunks: [AnswerType.Chunks],
  samples: [AnswerType.Samples],
}

/** Of an answer of samples, not compressed. */
const maxPlainBytes = 32 * 1024 * 1024

/** How servers say that a query is beyond what they take. */
const tooMuchWords =
  /exceeded sample limit|too many samples|sample limit|exceed(s|ed) (the )?(limit|maximum)|max-samples|too much data|too large/i

/** @param path below the client's URL: `/api/v1/read` */
export async function createRemoteRead(client: PatientClient, path: string, accepted: Accepted): Promise<RemoteRead> {
  const snappy = await createSnappy({ maxBytes: maxPlainBytes, limitKey: 'of one answer' })
  const types = acceptedTypes[accepted]

  const send = async (matchers: readonly Matcher[], { fromMs, toMs }: ReadRange, abort: AbortSignal) => {
    const body = snappyLiteral(encodeReadRequest(matchers, fromMs, toMs - 1, types))
    try {
      return await client.stream(
        {
          method: 'POST',
          path,
          headers: {
            'content-type': 'application/x-protobuf',
            'content-encoding': 'snappy',
            'x-prometheus-remote-read-version': '0.1.0',
            accept: '*/*',
          },
          body,
        },
        abort,
      )
    } catch (error) {
      if (faultWord(error) === 'too_large' || (error instanceof Error && faultWord(error) !== '' && tooMuchWords.test(error.message))) {
        throw new TooMuch(error instanceof Error ? error.message : '')
      }
      throw error
    }
  }

  const header = (value: string | string[] | undefined): string => (typeof value === 'string' ? value : (value?.[0] ?? '')).toLowerCase()

  return {
    async read(matchers, range, abort) {
      const { headers, body } = await send(matchers, range, abort)
      const gather = new SeriesGather(range)
      let bytes = 0
      const seen = (count: number): void => {
        bytes += count
        if (bytes > range.maxBytes) throw new TooMuch(`more than ${range.maxBytes} bytes`)
      }
      try {
        if (header(headers['content-type']).startsWith('application/x-streamed-protobuf')) {
          for await (const message of frames(steady(body), seen)) readChunkedMessage(message, gather)
        } else if (header(headers['content-type']).startsWith('application/x-protobuf')) {
          const pieces: Uint8Array[] = []
          for await (const piece of steady(body)) {
            seen(piece.length)
            pieces.push(piece)
          }
          const whole = Buffer.concat(pieces)
          readSamplesMessage(header(headers['content-encoding']) === 'snappy' ? snappy.uncompress(whole) : whole, gather)
        } else {
          for await (const _ of body) break
          throw new TornAnswer(`its type is ${header(headers['content-type']).slice(0, 100) || 'not said'}`)
        }
      } catch (error) {
        throw whatItMeans(error, abort)
      }
      return gather.answer(bytes)
    },
  }
}

/** An answer that stands still for so long is not coming any more. */
const idleMs = 120_000

/** Throws {@link TornAnswer} where the next piece does not come. */
async function* steady(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const pieces = body[Symbol.asyncIterator]()
  let stalled: ((error: Error) => void) | undefined
  let timer: NodeJS.Timeout | undefined
  try {
    for (;;) {
      const stall = new Promise<never>((_, reject) => (stalled = reject))
      timer = setTimeout(() => stalled?.(new TornAnswer(`nothing came for ${idleMs / 1000} s`)), idleMs)
      const next = await Promise.race([pieces.next(), stall])
      clearTimeout(timer)
      if (next.done === true) return
      yield next.value
    }
  } finally {
    clearTimeout(timer)
    void pieces.return?.()?.then(undefined, () => {})
  }
}

/** What broke while an answer was read: it is to be asked for again, unless the run stops. */
function whatItMeans(error: unknown, abort: AbortSignal): unknown {
  if (error instanceof TooMuch || error instanceof TornAnswer || abort.aborted) return error
  if (isBridgeError(error)) {
    if (error.code === 'OB_STOPPING') return error
    // An encoding that nobody here knows does not become known by asking again.
    if (error.code === 'OB_SOURCE' && faultWord(error) === 'unknown_encoding') return error
    if (error.code === 'OB_LIMIT_BODY' || error.code === 'OB_LIMIT_ITEMS') return new TooMuch(error instanceof Error ? error.message : '')
  }
  return new TornAnswer(error instanceof Error ? error.message : String(error), { cause: error })
}
