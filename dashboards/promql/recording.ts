/** Recording rules that make the old names of the new: `--transition recording`, section 6.3 of the reference. */

import { Document } from 'yaml'
import type { OutputFile } from '../model.ts'
import type { LabelTarget, MetricNaming } from '../naming/metrics.ts'
import { divisionText, isClassicName, quote } from './spelling.ts'

/** What cannot be made again, and why. */
export interface NotRecorded {
  readonly metric: string
  readonly why: string
}

export interface RecordingRules {
  /** Undefined: every name that is asked for is there. */
  readonly file: OutputFile | undefined
  readonly missing: readonly NotRecorded[]
}

interface Recorded {
  readonly record: string
  readonly expr: string
}

/** The old series out of the new ones; a text: why not. */
function recorded(naming: MetricNaming, metric: string): Recorded | string | undefined {
  const target = naming.metric(metric)
  const { name } = target
  if (name === undefined) return target.why ?? 'there is no such series any more'
  const moved = [...(naming.moved ?? [])].map((label): [string, LabelTarget] => [label, target.label(label)])
  const changed = moved.filter(([, fate]) => fate.kind !== 'kept')
  if (name === metric && target.factor === 1 && target.native === undefined) return undefined
  if (target.native === 'bucket') return 'buckets cannot be made of a native histogram'
  if ((target.bounds ?? 1) !== 1 && metric.endsWith('_bucket')) return 'bounds of buckets have another scale'
  let expr = isClassicName(name) ? name : `{${quote(name)}}`
  if (target.native !== undefined) expr = `histogram_${target.native}(${expr})`
  const joined = changed.flatMap(([label, fate]) => (fate.kind === 'resource' ? [[label, fate.to] as const] : []))
  if (joined.length > 0)
    expr = `${expr} * on (job, instance) group_left (${joined.map(([, to]) => (isClassicName(to) ? to : quote(to))).join(', ')}) target_info`
  if (target.factor !== 1) expr = `${expr}${divisionText(target.factor)}`
  for (const [label, fate] of changed) {
    if (fate.kind !== 'renamed' && fate.kind !== 'resource') continue
    if (fate.to !== label) expr = `label_replace(${expr}, ${quote(label)}, "$1", ${quote(fate.to)}, "(.+)")`
  }
  return { record: metric, expr }
}

/**
 * Rules for the old names of metrics that dashboards and alerts go on asking for. `rate()` of what they record is right as long as the rules never pause.
 * @param metrics old names, in any order
 */
export function recordingRules(metrics: Iterable<string>, naming: MetricNaming, path = 'old-names.rules.yaml'): RecordingRules {
  const rules: Recorded[] = []
  const missing: NotRecorded[] = []
  for (const metric of [...new Set(metrics)].sort()) {
    const found = recorded(naming, metric)
    if (typeof found === 'string') missing.push({ metric, why: found })
    else if (found !== undefined) rules.push(found)
  }
  if (rules.length === 0) return { file: undefined, missing }
  const document = new Document({ groups: [{ name: 'otlp-bridge-old-names', rules }] })
  document.commentBefore = ' Old names of metrics, made of the new ones. Take a rule out when nobody asks for its name any more.'
  return { file: { path, text: document.toString({ lineWidth: 0 }) }, missing }
}

/** Whether a query may go on as it is: of each metric the old name is recorded, or everything about it is as it was. */
export function isRecorded(naming: MetricNaming, metrics: readonly string[]): boolean {
  return metrics.every((metric) => {
    const found = recorded(naming, metric)
    if (typeof found === 'string') return false
    const { label } = naming.metric(metric)
    return found !== undefined || [...(naming.moved ?? [])].every((name) => label(name).kind === 'kept')
  })
}

/**
 * Names for a query of which some metrics are recorded and others are not: recorded series have the new labels beside the old ones, so that they meet the others by these.
 */
export function recordedNaming(naming: MetricNaming): MetricNaming {
  return {
    ...naming,
    metric(name) {
      const found = recorded(naming, name)
      if (found === undefined || typeof found === 'string') return naming.metric(name)
      const { label } = naming.metric(name)
      return {
        name,
        factor: 1,
        label(key) {
          const fate = label(key)
          return fate.kind === 'resource' ? { kind: 'renamed', to: fate.to } : fate
        },
        guessed: false,
      }
    },
  }
}
