/** What converters of alert rules are handed in tests: real names of fields, metrics that keep theirs, files beside out of a table. */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { parser as logql } from '@grafana/lezer-logql'
import { parser as promql } from '@prometheus-io/lezer-promql'
import { createFieldNaming } from '../../../dashboards/naming/fields.ts'
import type { Context, ConvertOptions } from '../../../dashboards/options.ts'
import { conversionKeys } from '../../../dashboards/targets.ts'
import { sharedFolder } from '../shared.ts'
import { contextOf } from './grafana.ts'

/** A context of a conversion of rules. */
export function alertContext(options: Partial<ConvertOptions> = {}, files: Readonly<Record<string, string>> = {}): Context {
  const context = contextOf({}, options)
  return {
    ...context,
    fields: createFieldNaming({ rules: { renames: 'default' }, flavour: 'loki', indices: context.options.indices }),
    beside: (path) => (Object.hasOwn(files, path) ? files[path] : undefined),
  }
}

/** `indices:` of a mapping file. */
export const indicesOf = (value: unknown): ConvertOptions['indices'] => conversionKeys.indices.parse(value)

/** Indices of the cases: one with streams of its own, one whose documents became metrics. */
export const alertIndices = indicesOf({ 'logs-*': { selector: '{app="shop"}' }, 'metrics-own-*': { as: 'metrics' } })

/** Files of a folder of the samples; empty, with a warning, where it is absent. */
export function samples(folder: string): readonly { readonly path: string; readonly text: string }[] {
  const base = resolve(sharedFolder, 'samples', folder)
  try {
    return readdirSync(base)
      .sort()
      .filter((name) => statSync(resolve(base, name)).isFile())
      .map((name) => ({ path: `${folder}/${name}`, text: readFileSync(resolve(base, name), 'utf8') }))
  } catch {
    console.warn(`SKIPPED: ${base} is absent, samples were not converted (set OTLP_BRIDGE_SHARED)`)
    return []
  }
}

/** What a grammar does not understand of an expression; empty: all is understood. */
export function faultsOf(language: string | undefined, expr: string): string[] {
  const parser = language === 'promql' ? promql : logql
  const faults: string[] = []
  parser.parse(expr).iterate({
    enter: (node) => {
      if (node.type.isError) faults.push(expr.slice(node.from - 10, node.to + 20))
    },
  })
  return faults
}
