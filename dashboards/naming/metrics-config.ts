/** Names of metrics out of what a user has: the bridge's options, the mapping file, and the metadata of the old Prometheus. */

import { type PrometheusTranslateConfig, resourceLabelsOf } from '../../src/translate/prometheus/config.ts'
import { createNames } from '../../src/translate/prometheus/names.ts'
import { typeOfWord } from '../../src/translate/prometheus/type-rules.ts'
import { createTypes } from '../../src/translate/prometheus/types.ts'
import type { UserMapping } from '../../src/translate/prometheus/user-mapping.ts'
import type { Targets } from '../targets.ts'
import { createMetricNaming, type MetricNaming } from './metrics.ts'

/** Families of metadata that are looked at. */
const mostFamilies = 500_000

interface FamilyMetadata {
  readonly type: string
  readonly help: string
  readonly unit: string
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/**
 * Families of an answer of `/api/v1/metadata`, or of its `data`. Of several words for one family the last type that is known counts. Empty: it is no such answer.
 */
export function readMetadata(answer: unknown): ReadonlyMap<string, FamilyMetadata> {
  const data = isObject(answer) && isObject(answer['data']) ? answer['data'] : answer
  const families = new Map<string, FamilyMetadata>()
  if (!isObject(data)) return families
  for (const [family, said] of Object.entries(data)) {
    if (!Array.isArray(said)) continue
    let known: FamilyMetadata | undefined
    for (const one of said.slice(0, 100)) {
      if (!isObject(one)) continue
      const type = text(one['type'])
      const other = { type: type === '' ? 'unknown' : type, help: text(one['help']), unit: text(one['unit']) }
      known = known === undefined || other.type !== 'unknown' ? other : known
    }
    if (known !== undefined) families.set(family, known)
    if (families.size >= mostFamilies) break
  }
  return families
}

export interface MetricNamingSources {
  /** `translate.prometheus` of the bridge's own configuration, or its defaults. */
  readonly translate: PrometheusTranslateConfig
  /** The part of the mapping file that is about metrics. */
  readonly mapping?: UserMapping | undefined
  /** Answer of `/api/v1/metadata` of the old Prometheus, as JSON; undefined: names alone tell types, as of live traffic without metadata. */
  readonly metadata?: unknown
  readonly targets: Targets['metrics']
}

/** Names as the bridge gives them with these options. A mapping counts with any `names`: whoever gives one to a conversion means it. */
export function metricNamingOf({ translate, mapping, metadata, targets }: MetricNamingSources): MetricNaming {
  const families = metadata === undefined ? undefined : readMetadata(metadata)
  const types = createTypes({
    overrides: { ...mapping?.types, ...translate.types },
    maxFamilies: mostFamilies * 2,
    maxBytes: 512 * 1024 * 1024,
  })
  for (const [family, { type, help, unit }] of families ?? []) types.learn('', family, typeOfWord(type), help, unit, 0)
  const names = mapping !== undefined && translate.names === 'keep' ? 'semconv' : translate.names
  return createMetricNaming({
    map: {
      names: createNames({ names, unitFromSuffix: translate.unitFromSuffix, mapping }),
      jobSplit: translate.jobSplit,
      scrapeAttributes: translate.scrapeAttributes,
      resourceLabels: resourceLabelsOf(translate),
    },
    types,
    targets,
    created: translate.created,
    dotted: translate.targetInfo.dotted,
    names,
    families: families === undefined ? undefined : new Map([...families].map(([family, { type }]) => [family, type])),
    mappedLabels: mapping?.labelNames,
  })
}
