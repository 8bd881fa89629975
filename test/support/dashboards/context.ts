/** What converters of rules are handed, in a few words. */

import type { Context, ConvertOptions } from '../../../dashboards/options.ts'
import { targetsSchema } from '../../../dashboards/targets.ts'
import { promqlContext, type Setting } from './promql.ts'

const none = (): undefined => undefined

/** Names by a setting; fields and spans that nobody asks for are as in the source. */
export function convertContext(setting: Setting = {}, options: Partial<ConvertOptions> = {}): Context {
  return {
    metrics: promqlContext(setting).naming,
    fields: {
      field: (name) => ({ where: 'metadata', name, attribute: name, changesCase: false, certain: true }),
      isText: () => false,
      selectorOf: none,
      areMetrics: () => false,
      fieldsOf: none,
    },
    spans: { tag: (key) => ({ expressions: [`.${key}`], type: 'any', certain: true }) },
    known: [],
    libraryPanels: new Map(),
    beside: none,
    options: {
      to: 'grafana',
      rulesTo: 'auto',
      scale: 'query',
      transition: 'none',
      upgradePanels: false,
      acceptApproximate: false,
      targets: targetsSchema.parse({ metrics: setting.targets ?? {} }),
      indices: {},
      datasources: {},
      ...options,
    },
  }
}
