/** `--transition recording`: one file of rules for the old names that all sources of a run go on asking for. */

import type { Conversion } from '../../dashboards/convert.ts'
import type { OutputFile } from '../../dashboards/model.ts'
import type { MetricNaming } from '../../dashboards/naming/metrics.ts'

/** Names of metrics that a run met; more than any installation has. */
const mostNames = 200_000

export interface OldNames {
  add(conversion: Conversion): void
  /** The rules, and old names that cannot be made again, with the reason. */
  rules(naming: MetricNaming): Promise<{ readonly file: OutputFile | undefined; readonly missing: readonly string[] }>
}

export function createOldNames(): OldNames {
  const names = new Set<string>()
  return {
    add({ diagnostics, outcome }) {
      if (outcome !== 'converted') return
      for (const { language, uses } of diagnostics.items) {
        if (language !== 'promql') continue
        for (const name of uses.metrics) if (names.size < mostNames) names.add(name)
      }
    },
    async rules(naming) {
      const { recordingRules } = await import('../../dashboards/promql/recording.ts')
      const { file, missing } = recordingRules(names, naming)
      return { file, missing: missing.map(({ metric, why }) => `${metric}: ${why}`) }
    },
  }
}
