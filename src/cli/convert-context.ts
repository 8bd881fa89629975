/** What converters are handed, out of options, configuration, mapping file, metadata and the sources themselves. */

import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { Context, ConvertOptions, DashboardTarget, KnownDatasource, RuleTarget } from '../../dashboards/options.ts'
import { loadBridgeConfig } from '../config/compose.ts'
import { expectation, faultsOf, printFaults } from '../config/faults.ts'
import { parseDuration } from '../config/units.ts'
import { loadUserMapping } from '../config/user-mapping.ts'
import { readYaml } from '../config/yaml.ts'
import { BridgeError } from '../errors.ts'
import type { ConvertCommandOptions } from './convert-options.ts'
import { besidePath, type ListedSource } from './convert-sources.ts'
import type { Io } from './io.ts'
import { optionFault } from './option-fault.ts'
import { version } from './version.ts'

/** What sources say about others. */
export interface Learned {
  readonly known: KnownDatasource[]
  readonly libraryPanels: Map<string, string>
  /** Answer of /api/v1/metadata. */
  metadata: unknown
}

const largestBeside = 16 * 1024 * 1024

async function textOf(option: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new BridgeError('OB_INPUT', `cannot read ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      place: option,
      cause,
    })
  }
}

async function targetsOf(file: string): Promise<ConvertOptions['targets']> {
  const [{ targetsSchema }, { tree, faults }] = await Promise.all([
    import('../../dashboards/targets.ts'),
    readYaml(await textOf('--targets', file), {}),
  ])
  if (faults.length > 0) throw optionFault(`--targets ${file}`, faults.map(({ message }) => message).join('; '))
  const own = Object.hasOwn(tree, 'targets') ? tree['targets'] : tree
  const parsed = targetsSchema.safeParse(own, { error: expectation })
  if (parsed.success) return parsed.data
  throw new BridgeError(
    'OB_CONFIG',
    `cannot use --targets ${file}:\n${printFaults(faultsOf(targetsSchema, tree, parsed.error.issues, () => undefined, file))}`,
  )
}

function datasourcesOf(given: readonly string[]): Record<string, string> {
  const all: Record<string, string> = {}
  for (const one of given) {
    const at = one.indexOf('=')
    if (at <= 0 || at === one.length - 1) throw optionFault(`--datasource ${one}`, 'expected OLD=NEW')
    all[one.slice(0, at)] = one.slice(at + 1)
  }
  return all
}

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = parseDuration(text)
  if (ms === undefined || ms <= 0) throw optionFault(`--export-interval ${text}`, 'expected a duration such as 60s')
  return ms / 1000
}

export interface ConversionSetup {
  contextFor(source: ListedSource): Context
  readonly context: Context
  readonly mappingHash: string
  readonly assumptions: readonly string[]
}

/** Reads everything that decides names and forms. Rejects with OB_CONFIG that lists faults. */
export async function setupOf(
  family: 'dashboards' | 'alerts',
  options: ConvertCommandOptions,
  learned: Learned,
  io: Io,
): Promise<ConversionSetup> {
  const [{ metricNamingOf }, { createFieldNaming }, { createSpanNaming }, { withSpanMetrics }, { targetsSchema }] = await Promise.all([
    import('../../dashboards/naming/metrics-config.ts'),
    import('../../dashboards/naming/fields.ts'),
    import('../../dashboards/naming/spans.ts'),
    import('../../dashboards/traces/span-metrics.ts'),
    import('../../dashboards/targets.ts'),
  ])
  const { translate } = await loadBridgeConfig(options, io.env)
  const files = {
    prometheus: options.mapping ?? translate.prometheus.mapping,
    elasticsearch: options.mapping ?? translate.elasticsearch.mapping,
  }
  const ofMetrics = files.prometheus === undefined ? undefined : await loadUserMapping(files.prometheus, 'prometheus')
  const ofFields =
    files.elasticsearch === undefined
      ? undefined
      : files.elasticsearch === files.prometheus
        ? ofMetrics
        : await loadUserMapping(files.elasticsearch, 'elasticsearch')
  const said = ofMetrics?.conversion ?? ofFields?.conversion
  const targets = options.targets === undefined ? (said?.targets ?? targetsSchema.parse({})) : await targetsOf(options.targets)
  const convertOptions: ConvertOptions = {
    to: family === 'dashboards' ? ((options.to ?? 'grafana') as DashboardTarget) : 'grafana',
    rulesTo: family === 'alerts' ? ((options.to ?? 'auto') as RuleTarget) : 'auto',
    scale: options.scale ?? 'query',
    transition: options.transition ?? 'none',
    upgradePanels: options.upgradePanels === true,
    acceptApproximate: options.acceptApproximate === true,
    targets,
    indices: { ...said?.indices, ...ofFields?.conversion.indices },
    datasources: { ...said?.datasources, ...datasourcesOf(options.datasource ?? []) },
    exportInterval: secondsOf(options.exportInterval),
    reportUrl: options.reportUrl,
  }
  let metadata = learned.metadata
  if (options.metadata !== undefined) {
    const text = await textOf('--metadata', options.metadata)
    try {
      metadata = JSON.parse(text)
    } catch (cause) {
      throw optionFault(`--metadata ${options.metadata}`, cause instanceof Error ? cause.message : String(cause))
    }
  }
  const metrics = withSpanMetrics(
    metricNamingOf({ translate: translate.prometheus, mapping: ofMetrics?.metrics, metadata, targets: targets.metrics }),
    targets.spanmetrics,
  )
  const fields = createFieldNaming({
    rules: { renames: translate.elasticsearch.ecs.renames, fields: ofFields?.fields },
    flavour: targets.logs.flavour,
    labels: targets.logs.labels,
    indices: convertOptions.indices,
  })
  const context: Context = {
    options: convertOptions,
    metrics,
    fields,
    spans: createSpanNaming({ zipkinTypes: translate.zipkin.tags.types }),
    known: learned.known,
    libraryPanels: learned.libraryPanels,
    beside: () => undefined,
  }
  const texts = await Promise.all(
    [files.prometheus, files.elasticsearch, options.metadata].map((file) => (file === undefined ? '' : readFile(file, 'utf8'))),
  )
  return {
    context,
    contextFor: (source) => ({ ...context, beside: (path) => readBeside(source, path) }),
    mappingHash: hash('sha256', JSON.stringify([version, translate, texts, convertOptions, learned.known])),
    assumptions: assumptionsOf(convertOptions, {
      names: translate.prometheus.names,
      mapped: ofMetrics !== undefined,
      metadata: metadata !== undefined,
      said: said !== undefined || options.targets !== undefined,
    }),
  }
}

function readBeside(source: ListedSource, path: string): string | undefined {
  const file = besidePath(source, path)
  if (file === undefined) return undefined
  try {
    const text = readFileSync(file, 'utf8')
    return text.length > largestBeside ? undefined : text
  } catch {
    // Whoever asks says what it means that there is none.
    return undefined
  }
}

/** What nobody said, in words: once per report. */
function assumptionsOf(
  { targets, indices, datasources }: ConvertOptions,
  given: { readonly names: string; readonly mapped: boolean; readonly metadata: boolean; readonly said: boolean },
): readonly string[] {
  const all: string[] = []
  if (!given.mapped) all.push(`Metrics are named as translate.prometheus.names: ${given.names} does; no mapping file was given.`)
  if (!given.metadata)
    all.push(
      'No metadata of the old Prometheus was given: types of metrics are told from their names, as of live traffic without metadata.',
    )
  if (!given.said) {
    const { metrics, logs, traces } = targets
    all.push(
      `Metrics are asked of ${metrics.flavour} with ${metrics.strategy}, logs of ${logs.flavour}${logs.labels === undefined ? ' with the index labels that Loki 3 has by itself' : ''}, traces of ${traces.flavour}: no targets were given.`,
    )
  }
  if (Object.keys(indices).length === 0) all.push('Documents of all indices are taken for logs: no indices were given.')
  if (Object.keys(datasources).length === 0) all.push('Data sources keep their uid: none was given by --datasource or the mapping file.')
  return all
}
