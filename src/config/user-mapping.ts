/** The user's own mapping file: metrics and fields of documents, for live traffic, back-fill and dashboards alike, and what only dashboards need. YAML, or JSON. */

// Before all that makes schemas.
import './jitless.ts'
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { ConvertOptions } from '../../dashboards/options.ts'
import { BridgeError } from '../errors.ts'
import type { UserMappings } from '../ingest/format.ts'
import { expectation, type Fault, faultsOf, type Locate, printFaults } from './faults.ts'
import { type Path, printPath } from './tree.ts'

/** Some 100,000 metrics. */
const largestBytes = 32 * 1024 * 1024
const mostValues = 2_000_000

/** Faults beyond this many are counted only. */
const shownFaults = 20

/** All that a mapping file says; `conversion` is for dashboards and rules, the bridge itself passes over it. */
export interface WholeMapping extends UserMappings {
  readonly conversion: Pick<ConvertOptions, 'indices' | 'datasources' | 'targets'>
}

/** A mapping file as it was read; `mapping` is undefined when there are faults. */
interface MappingRead {
  readonly mapping: WholeMapping | undefined
  readonly faults: readonly Fault[]
}

/** The whole file: the keys of all formats, side by side. Their code is loaded when a file is to be read. */
async function wholeFile() {
  const [metrics, fields, { conversionKeys }] = await Promise.all([
    import('../translate/prometheus/user-mapping.ts'),
    import('../translate/elasticsearch/user-fields.ts'),
    import('../../dashboards/targets.ts'),
  ])
  const schema = z
    .strictObject({ ...metrics.metricMappingKeys, ...fields.fieldMappingKeys, ...conversionKeys })
    .superRefine((file, context) => {
      metrics.checkMetricMapping(file, context)
      fields.checkFieldMapping(file, context)
    })
  const index = (file: z.output<typeof schema>): WholeMapping => ({
    metrics: metrics.createUserMapping(file),
    fields: fields.createFieldMapping(file),
    conversion: { indices: file.indices, datasources: file.datasources, targets: file.targets },
  })
  return { schema, index }
}

const fault = (where: string, message: string): Fault => ({ path: '', value: '', message, where })

/** Reads and checks a mapping file. Never rejects for what is in it, or for a file that is not there. */
export async function readUserMapping(file: string): Promise<MappingRead> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    return { mapping: undefined, faults: [fault(file, `cannot read the file: ${cause instanceof Error ? cause.message : String(cause)}`)] }
  }
  if (text.length > largestBytes) return { mapping: undefined, faults: [fault(file, 'cannot use the file: it is larger than 32MiB')] }
  const [{ readYaml }, { schema, index }] = await Promise.all([import('./yaml.ts'), wholeFile()])
  const { tree, places, faults } = await readYaml(text, {}, mostValues)
  if (faults.length > 0) {
    return {
      mapping: undefined,
      faults: faults.map(({ path, message, line, column }) => ({
        path: printPath(path),
        value: '',
        message,
        where: line === undefined ? file : `${file}:${line}:${column}`,
      })),
    }
  }
  const parsed = schema.safeParse(tree, { error: expectation })
  if (parsed.success) return { mapping: index(parsed.data), faults: [] }
  const locate: Locate = (path: Path) => {
    for (let length = path.length; length > 0; length--) {
      const place = places.get(printPath(path.slice(0, length)))
      if (place !== undefined) return place
    }
    return undefined
  }
  return { mapping: undefined, faults: faultsOf(schema, tree, parsed.error.issues, locate, file) }
}

/** The faults as one text, each on a line of its own. */
function wordsOf(faults: readonly Fault[]): string {
  const more = faults.length > shownFaults ? `\n  and ${faults.length - shownFaults} more` : ''
  return `\n${printFaults(faults.slice(0, shownFaults))}${more}`
}

/** Formats that have an option `mapping`; one file may serve all of them. */
export type MappedFormat = 'prometheus' | 'elasticsearch'

/** The mappings of a file. Rejects with OB_CONFIG that lists its faults. @param format whose option names the file */
export async function loadUserMapping(file: string, format: MappedFormat): Promise<WholeMapping> {
  const { mapping, faults } = await readUserMapping(file)
  if (mapping !== undefined) return mapping
  throw new BridgeError('OB_CONFIG', `cannot use the mapping file ${file}:${wordsOf(faults)}`, { place: `translate.${format}.mapping` })
}

/** The options that name mapping files. */
export type NamedMappings = Readonly<Partial<Record<MappedFormat, { readonly mapping?: string | undefined }>>>

const formats: readonly MappedFormat[] = ['prometheus', 'elasticsearch']

/** What is wrong with the files that a configuration names, under the keys that name them; of a file that two name, under the first. */
export async function userMappingFaults(named: NamedMappings): Promise<{ path: Path; message: string }[]> {
  const faults: { path: Path; message: string }[] = []
  const seen = new Set<string>()
  for (const format of formats) {
    const file = named[format]?.mapping
    if (file === undefined || seen.has(file)) continue
    seen.add(file)
    const read = await readUserMapping(file)
    if (read.faults.length > 0)
      faults.push({ path: ['translate', format, 'mapping'], message: `cannot use the file:${wordsOf(read.faults)}` })
  }
  return faults
}

/** What tells one state of the named files from another, by format; a file that cannot be read is told from all that can. */
export async function mappingRevisions(named: NamedMappings): Promise<ReadonlyMap<string, string>> {
  const revisions = new Map<string, string>()
  for (const format of formats) {
    const file = named[format]?.mapping
    if (file === undefined) continue
    revisions.set(
      format,
      await readFile(file).then(
        (bytes) => hash('sha256', bytes),
        () => 'unreadable',
      ),
    )
  }
  return revisions
}
