/** Real and made requests of remote-write, damaged at random, into the engine in this process and into a bridge over HTTP. */

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect } from 'vitest'
import { isBridgeError } from '../../../src/errors.ts'
import type { BodyTranslator } from '../../../src/ingest/adapter.ts'
import { defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { remoteWriteFile } from '../../../src/ingest/prometheus/file.ts'
import { createSnappy } from '../../../src/ingest/prometheus/snappy.ts'
import { prometheusTranslateConfig } from '../../../src/translate/prometheus/config.ts'
import { smallWrite } from '../../support/arbitrary-write.ts'
import { mutated } from '../../support/mutate.ts'
import { officialDecode } from '../../support/official-otlp.ts'
import { encodeWrite, type Version } from '../../support/remote-write.ts'
import { vectorFiles } from '../../support/shared.ts'

const snappy = await createSnappy({ maxBytes: 128 * 2 ** 20, limitKey: 'a test' })

const plainOf = (file: string): Uint8Array[] => {
  try {
    return [snappy.uncompress(readFileSync(file))]
  } catch {
    // Some of the vectors are no snappy.
    return []
  }
}

/** Plain requests of each version: those of the vectors, where they are there, and a small one with something of everything. */
export const plainRequests: Readonly<Record<Version, readonly Uint8Array[]>> = {
  1: requestsOf(1),
  2: requestsOf(2),
}

function requestsOf(version: Version): Uint8Array[] {
  const files = [...vectorFiles('prometheus'), ...vectorFiles('prometheus/real')]
  const own = files.filter((file) => file.endsWith('.bin') && file.includes(`rw${version}`)).flatMap(plainOf)
  // The largest ones take long to be looked at, and have nothing that the others do not have.
  return [encodeWrite(version, smallWrite[version]), ...own.filter((one) => one.length < 200_000)]
}

const translators: Readonly<Record<Version, BodyTranslator>> = {
  1: await translatorOf(1),
  2: await translatorOf(2),
}

function translatorOf(version: Version): Promise<BodyTranslator> {
  const means = { translate: prometheusTranslateConfig.parse({}), userMapping: () => Promise.reject(new Error('there is none')) }
  return remoteWriteFile(version, means as unknown as Parameters<typeof remoteWriteFile>[1], defaultDecodeLimits)
}

interface Metric {
  readonly [data: string]: { readonly dataPoints?: readonly unknown[] } | undefined
}

interface Decoded {
  readonly resourceMetrics?: readonly { readonly scopeMetrics?: readonly { readonly metrics?: readonly Metric[] }[] }[]
}

const pointsIn = ({ resourceMetrics = [] }: Decoded): number =>
  resourceMetrics
    .flatMap(({ scopeMetrics = [] }) => scopeMetrics.flatMap(({ metrics = [] }) => metrics))
    .flatMap((metric) => Object.values(metric))
    .reduce((sum, data) => sum + (data?.dataPoints?.length ?? 0), 0)

/** Longest time for one damaged request: honest ones take some milliseconds, but the machine may be busy. */
const boundMs = 3000

/** Translates; whatever is thrown must be ours, and what comes out must be OTLP with as many points as it says. */
export function feedWrite(version: Version, plain: Uint8Array): void {
  const startedAt = performance.now()
  try {
    const { data, items } = translators[version](plain, Date.now())
    expect(pointsIn(officialDecode(data, 'metrics') as Decoded)).toBe(items)
  } catch (error) {
    if (!isBridgeError(error) || error.code === 'OB_INTERNAL') throw error
  }
  expect(performance.now() - startedAt).toBeLessThan(boundMs)
}

/** @param runs how many. The seed is fixed: a failure is found again. */
export function feedWriteMutations(version: Version, runs: number, seed: number): void {
  fc.assert(
    fc.property(mutated(plainRequests[version]), ({ bytes }) => feedWrite(version, bytes)),
    { numRuns: runs, seed },
  )
}
