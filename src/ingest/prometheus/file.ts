/** Remote-write requests out of files: each by itself, with nothing remembered, all that waits sent at the end. */

import { isBridgeError } from '../../errors.ts'
import { encodeMetrics } from '../../otlp/encode/metrics.ts'
import { ReverseWriter } from '../../otlp/encode/writer.ts'
import { MetricPoints } from '../../otlp/metrics.ts'
import type { Drop } from '../../translate/outcome.ts'
import type { Emission } from '../../translate/prometheus/assembler.ts'
import type { PrometheusTranslateConfig } from '../../translate/prometheus/config.ts'
import { WriteRequest } from '../../translate/prometheus/model.ts'
import { createState } from '../../translate/prometheus/state.ts'
import { createWriteTranslator } from '../../translate/prometheus/to-otlp.ts'
import type { BodyTranslator } from '../adapter.ts'
import type { Means } from '../format.ts'
import type { DecodeLimits } from '../limits.ts'
import { decodeWrite } from './decode.ts'
import { defaultWriteLimits } from './decode-limits.ts'
import { createSnappy } from './snappy.ts'

const maxBytes = 1024 * 1024 * 1024
const incompleteExample = 'a histogram without _count and without the bucket +Inf, or a summary without _count'
/** Of what a file is hashed with nobody hears. */
const seed = [1, 2, 3, 4] as const

/**
 * The translator of a whole file: one request, snappy or plain. Its samples may be of any time that OTLP can say; histograms are put together of
 * what is in it.
 */
export async function remoteWriteFile(
  version: 1 | 2,
  means: Means<PrometheusTranslateConfig>,
  { maxItems }: DecodeLimits,
): Promise<BodyTranslator> {
  const { assembler, ...others } = means.translate
  const maxPending = Math.max(assembler.maxPending, maxItems, defaultWriteLimits.maxSamples)
  const translate: PrometheusTranslateConfig = { ...others, assembler: { ...assembler, maxPending }, maxFuture: Number.POSITIVE_INFINITY }
  const mapping = translate.mapping === undefined ? undefined : (await means.userMapping(translate.mapping, 'prometheus')).metrics
  const snappy = await createSnappy({ maxBytes, limitKey: 'the size of a file' })
  const limits = { ...defaultWriteLimits, maxSamples: Math.max(maxItems, defaultWriteLimits.maxSamples) }
  const writer = new ReverseWriter()

  const plainOf = (body: Uint8Array): Uint8Array => {
    try {
      return snappy.uncompress(body)
    } catch (error) {
      if (!isBridgeError(error) || error.code !== 'OB_DECODE_ENCODING') throw error
      return body
    }
  }

  return (body, receivedAtMs) => {
    const state = createState({ translate, mapping, version: '', seed })
    const request = new WriteRequest()
    const plain = plainOf(body)
    decodeWrite(version, plain, limits, request)
    const outcome = createWriteTranslator(state).translate(request, { tenant: '', nowMs: receivedAtMs })
    const pieces = [encodeMetrics(outcome.points, writer, plain.length)]
    let items = outcome.points.count
    let incomplete = 0
    const lost = (emission: Emission | undefined): void => {
      if (emission === undefined) return
      incomplete += emission.incomplete
      state.assembler.commit(emission)
    }
    lost(outcome.emission)
    const points = new MetricPoints()
    for (;;) {
      points.clear()
      const emission = state.assembler.take(receivedAtMs, points, true)
      if (emission === undefined) break
      pieces.push(encodeMetrics(points, writer, points.count * 200))
      items += points.count
      lost(emission)
    }
    const drops = [...outcome.refusals.values()].map(
      ({ reason, count, times, example }): Drop => ({ reason, count: count || times, example, indexes: [] }),
    )
    if (incomplete > 0) drops.push({ reason: 'histogram_incomplete', count: incomplete, example: incompleteExample, indexes: [] })
    const notes = [...outcome.consumed, ...outcome.dropped].map(([reason, count]) => ({ reason, count }))
    return {
      received: outcome.receivedFloats + outcome.receivedHistograms,
      items,
      data: new Uint8Array(Buffer.concat(pieces)),
      drops,
      notes,
    }
  }
}
