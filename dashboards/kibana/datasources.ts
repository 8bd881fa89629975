/** Data sources of new dashboards: by the mapping, or by a variable of the dashboard. */

import type { ConvertOptions } from '../options.ts'

export type Plugin = 'loki' | 'prometheus'

export interface DatasourceReference {
  readonly type: Plugin
  readonly uid: string
}

export interface Datasources {
  /** Of a query over an index in a language. */
  of(language: 'logql' | 'promql', index: string | undefined): DatasourceReference
  /** Plugins whose data source is chosen by a variable, in order of first use. */
  readonly chosen: readonly Plugin[]
}

/** Variable that chooses the data source of a plugin: `DS_LOKI`. */
export const datasourceVariable = (plugin: Plugin): string => `DS_${plugin.toUpperCase()}`

/**
 * `datasources:` of the mapping is asked for the index pattern, for `elasticsearch` (logs only), and for the plugin's name; an entry that names another plugin is passed
 * over. Whatever it does not name is chosen by a variable of the dashboard, which works for imports, provisioning and the API alike, other than `__inputs`.
 */
export function datasourcesOf({ datasources }: Pick<ConvertOptions, 'datasources'>): Datasources {
  const chosen: Plugin[] = []
  function mapped(key: string | undefined, plugin: Plugin): string | undefined {
    const entry = key === undefined || !Object.hasOwn(datasources, key) ? undefined : datasources[key]
    if (entry === undefined) return undefined
    if (typeof entry === 'string') return entry
    return entry.type === undefined || entry.type === plugin ? entry.uid : undefined
  }
  return {
    chosen,
    of(language, index) {
      const plugin: Plugin = language === 'promql' ? 'prometheus' : 'loki'
      const uid = mapped(index, plugin) ?? (plugin === 'loki' ? mapped('elasticsearch', plugin) : undefined) ?? mapped(plugin, plugin)
      if (uid !== undefined) return { type: plugin, uid }
      if (!chosen.includes(plugin)) chosen.push(plugin)
      return { type: plugin, uid: `\${${datasourceVariable(plugin)}}` }
    },
  }
}
