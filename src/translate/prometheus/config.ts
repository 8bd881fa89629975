/** Options below `translate.prometheus`: section 13 of the mapping. Durations are milliseconds. */

import { z } from 'zod'
import { byteSize, duration } from '../../config/units.ts'

const count = (fallback: number, meaning: string) => z.number().int().positive().default(fallback).describe(meaning)

const flag = (fallback: boolean, meaning: string) => z.boolean().default(fallback).describe(meaning)

const labelName = z.string().min(1, { error: 'expected the name of a label, not empty' })

/** Types that a user may say a metric is of: those of remote-write's metadata. */
export const metricTypes = ['counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset', 'unknown'] as const

const rw1 = z
  .strictObject({
    typePolicy: z
      .enum(['heuristic', 'hold'])
      .default('heuristic')
      .describe(
        'What is done with series of a metric whose type nobody has said yet. heuristic: the name decides at once, and metadata corrects it when it comes; hold: they wait for metadata first, up to rw1.metadataWait.',
      ),
    metadataWait: duration.default(60_000).describe('How long rw1.typePolicy: hold waits.'),
  })
  .prefault({})
  .describe('Remote-write 1.0, whose senders tell types about once a minute, in requests of their own.')

const assembler = z
  .strictObject({
    window: duration
      .default(10_000)
      .describe('How long after its first member a histogram or summary is sent although members are missing.'),
    reorder: duration
      .default(2000)
      .describe('How long one waits after a later one of the same family was complete, for members that were overtaken.'),
    maxPending: count(200_000, 'Histograms and summaries that wait for members; beyond it the oldest is sent as it is.'),
    incomplete: z
      .enum(['derive', 'drop', 'passthrough'])
      .default('derive')
      .describe(
        'A set that stays incomplete. derive: what is there is sent as far as it makes a histogram or summary, the rest is dropped and counted; drop: all of it is; passthrough: the rest goes as a sum for each member.',
      ),
  })
  .prefault({})
  .describe('Classic histograms and summaries, put together from series that come in different requests.')

const targetInfo = z
  .strictObject({
    dotted: flag(
      false,
      'Give labels of target_info their dots back where the semantic conventions have such a name (k8s_pod_name becomes k8s.pod.name).',
    ),
    wait: duration.default(0).describe('How long the first data of a job and instance waits for their target_info; 0: not at all.'),
    max: count(100_000, 'Pairs of job and instance whose target_info is remembered; the least recently seen go first.'),
    ttl: duration.default(86_400_000).describe('How long a target_info that is not sent again is remembered.'),
  })
  .prefault({})
  .describe('`target_info`, whose labels become attributes of the resource.')

const ha = z
  .strictObject({
    enabled: flag(false, 'Forward one of several replicas and drop the others, which are told that all was written.'),
    clusterLabel: labelName.default('cluster').describe('Label by which replicas belong together.'),
    replicaLabels: z
      .array(labelName)
      .min(1)
      .default(['__replica__', 'prometheus_replica'])
      .describe('Labels that name the replica; the first that a series has counts, and is removed.'),
    timeout: duration.default(30_000).describe('Silence after which another replica takes over.'),
  })
  .prefault({})
  .describe('Pairs of Prometheus servers that scrape the same.')

const streams = z
  .strictObject({
    max: count(
      1_000_000,
      'Series that are remembered; the least recently seen go first. That costs the recognition of duplicates and start times.',
    ),
    maxSize: byteSize
      .default(512 * 1024 * 1024)
      .describe('Bytes of labels kept ready for sending; beyond it those of the least recently seen are made anew when they come.'),
  })
  .prefault({})
  .describe('What is remembered of each series: its last sample, its start time, how it is sent.')

/** Options below `translate.prometheus`. */
export const prometheusTranslateConfig = z
  .strictObject({
    names: z
      .enum(['keep', 'strip', 'semconv'])
      .default('keep')
      .describe(
        'Names of metrics. keep: as they are, so that queries go on working; strip: without _total and the unit, for OTLP backends; semconv: by the file of `mapping`.',
      ),
    mapping: z
      .string()
      .min(1)
      .optional()
      .describe(
        'File with names, labels and units of your own; see docs/prometheus.md. It is read at the start and with a new configuration.',
      ),
    unitFromSuffix: flag(false, 'Read the unit from the name where no metadata says it (node_cpu_seconds_total: s).'),
    types: z
      .record(z.string().min(1), z.enum(metricTypes))
      .default({})
      .describe(
        'Types of metrics by name, or by a pattern with `*`; they win over everything that senders say. Names are those of families: without _bucket, _sum, _count.',
      ),
    histograms: z
      .enum(['assemble', 'passthrough'])
      .default('assemble')
      .describe('Classic histograms and summaries. assemble: one point of all members; passthrough: each member as a series of its own.'),
    rw1,
    assembler,
    late: z
      .enum(['drop', 'reemit'])
      .default('drop')
      .describe(
        'A member that comes after its histogram was sent. drop: it is counted and left out; reemit: the corrected point is sent again, for backends that overwrite.',
      ),
    preferNative: flag(true, 'Leave out the classic form of a histogram that comes in both; false while dashboards of both are compared.'),
    floatHistograms: z
      .enum(['exact', 'round', 'drop'])
      .default('exact')
      .describe(
        'Native histograms with counts that are no integers in type. exact: taken when all are whole numbers, otherwise refused; round: rounded; drop: dropped, as the specification has it.',
      ),
    gaugehistogram: z
      .enum(['gauges', 'drop'])
      .default('gauges')
      .describe('Gauge histograms. gauges: each series of a classic one is a gauge, native ones are refused; drop: both are dropped.'),
    stale: z
      .enum(['flag', 'drop'])
      .default('flag')
      .describe(
        'Markers of the end of a series. flag: a point without a value that says so; drop: nothing, for backends that cannot read the flag.',
      ),
    startTime: z
      .enum(['unset', 'first_seen', 'true_reset', 'process_start'])
      .default('unset')
      .describe(
        'Start time of counters and histograms whose sender gives none. unset: none; first_seen: time of the first sample, which is left out; true_reset: that time, and a new one when the value falls; process_start: process_start_time_seconds of the same job and instance.',
      ),
    firstSeen: z
      .strictObject({ subtract: flag(false, 'Subtract the first value from later ones.') })
      .prefault({})
      .describe('startTime: first_seen.'),
    created: z
      .enum(['consume', 'keep'])
      .default('consume')
      .describe('Series that end in _created. consume: they become start times; keep: they are forwarded, too.'),
    zeroSample: z
      .enum(['forward', 'start'])
      .default('forward')
      .describe('A sample of 0 that a sender puts before the first one. forward: it is a sample; start: it becomes the start time.'),
    jobSplit: z
      .enum(['exact-one', 'never'])
      .default('exact-one')
      .describe('exact-one: a job with one slash in it is namespace and name of the service; never: it is the name.'),
    scrapeAttributes: flag(false, 'Derive server.address and server.port from the label instance.'),
    resourceLabels: z
      .union([z.array(labelName), z.record(labelName, labelName)])
      .default([])
      .describe(
        'Labels that become attributes of the resource: a list, or a section `label: attribute`. Backends that put resource attributes on `target_info` alone lose them from every series.',
      ),
    targetInfo,
    ha,
    duplicates: z
      .enum(['drop', 'forward'])
      .default('drop')
      .describe(
        'A sample with the time and the value of the one before it. drop: left out, so that a request that is sent again does no harm.',
      ),
    conflict: z
      .enum(['last', 'reject'])
      .default('last')
      .describe('A sample with the time of the one before it, and another value. last: it is forwarded; reject: refused.'),
    outOfOrder: z
      .enum(['forward', 'reject'])
      .default('forward')
      .describe('A sample older than the one before it. reject: refused, as by Prometheus without a window for them.'),
    maxFuture: duration.default(600_000).describe('How far ahead of our clock a sample may be; beyond it is refused.'),
    tenantAttribute: z
      .string()
      .min(1)
      .optional()
      .describe('Attribute of the resource that gets the tenant (X-Scope-OrgID). Default: none does.'),
    streams,
  })
  .describe('Prometheus remote-write to OTLP metrics.')

export type PrometheusTranslateConfig = z.output<typeof prometheusTranslateConfig>

/** `resourceLabels` as one form: label → attribute. */
export function resourceLabelsOf({ resourceLabels }: Pick<PrometheusTranslateConfig, 'resourceLabels'>): ReadonlyMap<string, string> {
  return new Map(Array.isArray(resourceLabels) ? resourceLabels.map((label) => [label, label]) : Object.entries(resourceLabels))
}
