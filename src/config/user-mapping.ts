/** The user's own mapping file: names, labels and units of metrics, for live traffic, back-fill and dashboards alike. YAML, or JSON. */

import { readFile } from 'node:fs/promises'
import { BridgeError } from '../errors.ts'
import type { UserMapping } from '../translate/prometheus/user-mapping.ts'
import { expectation, type Fault, faultsOf, type Locate, printFaults } from './faults.ts'
import { type Path, printPath } from './tree.ts'

/** Some 100,000 metrics. */
const largestBytes = 32 * 1024 * 1024
const mostValues = 2_000_000

/** Faults beyond this many are counted only. */
const shownFaults = 20

/** A mapping file as it was read; `mapping` is undefined when there are faults. */
interface MappingRead {
  readonly mapping: UserMapping | undefined
  readonly faults: readonly Fault[]
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
  const [{ readYaml }, { createUserMapping, userMappingSchema }] = await Promise.all([
    import('./yaml.ts'),
    import('../translate/prometheus/user-mapping.ts'),
  ])
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
  const parsed = userMappingSchema.safeParse(tree, { error: expectation })
  if (parsed.success) return { mapping: createUserMapping(parsed.data), faults: [] }
  const locate: Locate = (path: Path) => {
    for (let length = path.length; length > 0; length--) {
      const place = places.get(printPath(path.slice(0, length)))
      if (place !== undefined) return place
    }
    return undefined
  }
  return { mapping: undefined, faults: faultsOf(userMappingSchema, tree, parsed.error.issues, locate, file) }
}

/** The faults as one text, each on a line of its own. */
function wordsOf(faults: readonly Fault[]): string {
  const more = faults.length > shownFaults ? `\n  and ${faults.length - shownFaults} more` : ''
  return `\n${printFaults(faults.slice(0, shownFaults))}${more}`
}

/** The mapping of a file. Rejects with OB_CONFIG that lists its faults. */
export async function loadUserMapping(file: string): Promise<UserMapping> {
  const { mapping, faults } = await readUserMapping(file)
  if (mapping !== undefined) return mapping
  throw new BridgeError('OB_CONFIG', `cannot use the mapping file ${file}:${wordsOf(faults)}`, { place: 'translate.prometheus.mapping' })
}

/** What is wrong with the file that a configuration names, under the key that names it; empty when nothing is. */
export async function userMappingFaults(file: string | undefined): Promise<{ path: Path; message: string }[]> {
  if (file === undefined) return []
  const { faults } = await readUserMapping(file)
  return faults.length === 0 ? [] : [{ path: ['translate', 'prometheus', 'mapping'], message: `cannot use the file:${wordsOf(faults)}` }]
}
