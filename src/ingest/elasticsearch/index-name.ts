/** Which names an index may have, and what Elasticsearch says of the others. Section 2.2 of the mapping; run against 7.17 and 8.19. */

import type { ItemError } from './es-errors.ts'

const maxNameBytes = 255
/** Verdicts that are kept. */
const maxKept = 4096
const longestKept = 512

/** The characters as the versions list them. */
const forbidden = {
  old: '[ , ", *, \\, <, |, ,, >, /, ?]',
  new: `[' ','"','*',',','/','<','>','?','\\','|']`,
}

const forbiddenCharacter = /[ "*\\<|,>/?]/

/** `<logs-{now/d}>`: stays as it is, names no index yet. */
const isDateMath = (name: string): boolean => name.length > 2 && name.startsWith('<') && name.endsWith('>')

/**
 * What is wrong with a name, in Elasticsearch's words; undefined when nothing is. Names in date math are taken as they are.
 * @param old as version 7 words it
 */
export function indexNameFault(name: string, old: boolean): string | undefined {
  if (isDateMath(name)) return undefined
  if (name === '') return 'must not be empty'
  if (forbiddenCharacter.test(name)) return `must not contain the following characters ${old ? forbidden.old : forbidden.new}`
  if (name.includes('#')) return "must not contain '#'"
  if (name.includes(':')) return "must not contain ':'"
  if (name.startsWith('_') || name.startsWith('-') || name.startsWith('+')) return "must not start with '_', '-', or '+'"
  const bytes = name.length * 3 > maxNameBytes ? Buffer.byteLength(name) : 0
  if (bytes > maxNameBytes) return `index name is too long, (${bytes} > ${maxNameBytes})`
  if (name === '.' || name === '..') return "must not be '.' or '..'"
  if (name.toLowerCase() !== name) return 'must be lowercase'
  return undefined
}

/** Verdicts about names, each found once. */
export class IndexNames {
  private readonly old: boolean
  private readonly kept = new Map<string, ItemError | undefined>()

  /** @param major of the version that clients are told */
  constructor(major: number) {
    this.old = major < 8
  }

  /** The error of items for an index of this name; undefined when it may have it. */
  refusal(name: string): ItemError | undefined {
    const found = this.kept.get(name)
    if (found !== undefined || this.kept.has(name)) return found
    const fault = indexNameFault(name, this.old)
    const refusal: ItemError | undefined =
      fault === undefined
        ? undefined
        : {
            status: 400,
            type: 'invalid_index_name_exception',
            reason: `Invalid index name [${name}], ${fault}`,
            place: 'index',
            noId: 'null',
          }
    if (name.length > longestKept) return refusal
    if (this.kept.size >= maxKept) this.kept.clear()
    this.kept.set(name, refusal)
    return refusal
  }
}
