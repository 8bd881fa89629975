/** `ingest.prometheus`: the endpoint of remote-write. */

import { z } from 'zod'
import { byteSize, duration } from '../../config/units.ts'
import { hostKey, httpTimeouts, portKey, securityKeys, serverLimitKeys } from '../schema.ts'
import { defaultWriteLimits, type WriteLimits } from './decode-limits.ts'

const count = (fallback: number, meaning: string) => z.number().int().positive().default(fallback).describe(meaning)

const limits = z
  .strictObject({
    body: byteSize.default(128 * 1024 * 1024).describe('Bytes of one body after decompression; more is answered with 413.'),
    compressedBody: byteSize.default(32 * 1024 * 1024).describe('Bytes of one body on the wire; more is answered with 413.'),
    series: count(defaultWriteLimits.maxSeries, 'Series a request; a request with more is refused whole, with 413.'),
    samples: count(
      defaultWriteLimits.maxSamples,
      'Samples, native histograms, exemplars and entries of metadata a request, all together; a request with more is refused whole, with 413.',
    ),
    labels: count(defaultWriteLimits.maxLabels, 'Labels of a series; one with more is refused, the others are taken.'),
    name: byteSize.default(1024).describe('Bytes of the name of a metric or label; a series with a longer one is refused.'),
    value: byteSize.default(64 * 1024).describe('Bytes of the value of a label; a series with a longer one is refused.'),
    buckets: count(
      defaultWriteLimits.maxBuckets,
      'Spans and buckets of a native histogram, gaps between them included; a sample with more is refused.',
    ),
    tenant: byteSize.default(150).describe('Bytes of the name of a tenant.'),
    ...serverLimitKeys,
  })
  .prefault({})
  .describe('What one sender may ask of the bridge.')

/** The part of a path that stands for the tenant. */
export const tenantPart = '{tenant}'

const path = z
  .string()
  .regex(/^\/[^?#\s]*$/, { error: 'expected a path such as /api/v1/write, without a query' })
  .refine((value) => !/[{}*:]/.test(value.replace(`/${tenantPart}`, '/')), {
    error: `expected no { } * : in it but one part ${tenantPart}`,
  })
  .refine(
    (value) =>
      !value
        .split(tenantPart)
        .slice(1)
        .some((rest) => rest !== '' && !rest.startsWith('/')),
    {
      error: `expected ${tenantPart} to be a whole part of the path`,
    },
  )
  .refine((value) => !value.startsWith('/-/'), { error: 'expected another path: those below /-/ are health checks' })

export const prometheusConfig = z
  .strictObject({
    host: hostKey,
    port: portKey(9090),
    paths: z
      .array(path)
      .min(1)
      .default([
        '/api/v1/write',
        '/api/v1/push',
        '/api/v1/receive',
        '/prometheus/api/v1/write',
        `/insert/${tenantPart}/prometheus/api/v1/write`,
      ])
      .describe(
        `Paths that are written to: those of Prometheus, Mimir, Thanos and VictoriaMetrics. A part \`${tenantPart}\` names the tenant; otherwise the header X-Scope-OrgID does.`,
      ),
    whenFull: z
      .enum(['auto', 'throttle', 'unavailable'])
      .default('auto')
      .describe(
        'Answer while the queue is full. throttle: 429, which Prometheus and the Collector take for a reason to drop the data unless they are told otherwise (`retry_on_http_429`); unavailable: 503, which every sender comes back after; auto: 503 for those two, 429 for others.',
      ),
    newBackend: z
      .string()
      .optional()
      .describe('Where people find their metrics now: named in the answer to queries, which the bridge cannot serve.'),
    state: z
      .strictObject({
        path: z
          .string()
          .min(1)
          .optional()
          .describe(
            'Folder for what is remembered of series, types and targets. Default: `prometheus` in `queue.path` with a disk queue, else none.',
          ),
        every: duration
          .refine((value) => value >= 1000, { error: 'expected at least 1s' })
          .default(60_000)
          .describe('How often it is saved. A crash costs what was learnt since: at most duplicates and start times.'),
      })
      .prefault({})
      .describe('What outlives a restart. Data that was answered is in the queue, not here.'),
    limits,
    timeouts: httpTimeouts,
    ...securityKeys,
  })
  .describe('Prometheus: `POST /api/v1/write`, remote-write 1.0 and 2.0. With several workers the first one alone opens it.')

export type PrometheusConfig = z.output<typeof prometheusConfig>

/** What decoders check while they read. */
export function writeLimitsOf({ limits: { series, samples, labels, buckets } }: Pick<PrometheusConfig, 'limits'>): WriteLimits {
  return {
    ...defaultWriteLimits,
    maxSeries: series,
    maxSamples: samples,
    maxHistograms: Math.min(samples, defaultWriteLimits.maxHistograms),
    maxLabels: labels,
    maxBuckets: buckets,
  }
}
