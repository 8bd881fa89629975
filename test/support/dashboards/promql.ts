/** Queries rewritten as by a mapping file, in a few words. */

import { metricNamingOf } from '../../../dashboards/naming/metrics-config.ts'
import type { PromqlContext } from '../../../dashboards/promql/context.ts'
import { rewritePromql } from '../../../dashboards/promql/rewrite.ts'
import { targetsSchema } from '../../../dashboards/targets.ts'
import { prometheusTranslateConfig } from '../../../src/translate/prometheus/config.ts'
import { createUserMapping, userMappingSchema } from '../../../src/translate/prometheus/user-mapping.ts'

export interface Setting {
  /** The mapping file. */
  readonly mapping?: unknown
  /** `translate.prometheus`. */
  readonly translate?: unknown
  /** `targets.metrics`. */
  readonly targets?: unknown
  /** Family → type. */
  readonly metadata?: Readonly<Record<string, string>>
}

/** Everything but the text. */
export function promqlContext(setting: Setting = {}, more: Partial<PromqlContext> = {}): PromqlContext {
  const targets = targetsSchema.parse({ metrics: setting.targets ?? {} }).metrics
  const metadata =
    setting.metadata === undefined
      ? undefined
      : Object.fromEntries(Object.entries(setting.metadata).map(([family, type]) => [family, [{ type, help: '', unit: '' }]]))
  const naming = metricNamingOf({
    translate: prometheusTranslateConfig.parse(setting.translate ?? {}),
    mapping: setting.mapping === undefined ? undefined : createUserMapping(userMappingSchema.parse(setting.mapping)),
    metadata: metadata === undefined ? undefined : { status: 'success', data: metadata },
    targets,
  })
  return { naming, variables: undefined, scale: 'query', transition: 'none', role: 'panel', targets, ...more }
}

/** Rewrites queries under one setting. */
export function promqlRewriter(setting: Setting = {}, more: Partial<PromqlContext> = {}) {
  const context = promqlContext(setting, more)
  return (text: string) => rewritePromql(text, context)
}
