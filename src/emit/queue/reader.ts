/** Reads back what is on disk only: the index page by page, values when their turn has come. */

import type { TakeMemory } from './holders.ts'
import type { Fault } from './protocol.ts'
import type { Source, Unindexed } from './source.ts'
import type { Tail } from './tail.ts'
import type { Entry, Waiting } from './waiting.ts'
import type { WorkerLink } from './worker-link.ts'

export interface ReaderDeps {
  readonly destination: string
  readonly link: WorkerLink
  /** Sources that are read to their end are taken out of it. */
  readonly sources: Source[]
  /** The source that stays, however empty. */
  readonly own: Source
  readonly forwarded: Waiting
  readonly tail: Tail
  /** Called before a reading is given up or, for a replaced store, repeated. */
  readonly onFault: (fault: Fault) => void
  readonly broken: () => Error
  /** Memory for what is read back; undefined: any. */
  readonly takeMemory: TakeMemory | undefined
  /** What should have been among a source's rows and was not; negative: what was there beyond. */
  readonly onMissing: (missing: Unindexed) => void
  readonly onDamaged: (entry: Entry) => void
}

export interface Reader {
  /** Whatever holds the oldest waiting batch; the pages needed to know are read. Rejects when they cannot be. */
  oldestLine(): Promise<Waiting>
  /** Gives each entry its data; those whose value is damaged or gone are left without. Rejects when nothing can be read now. */
  load(entries: readonly Entry[]): Promise<void>
}

const pageRows = 4096

/** Creates the reading side of one lane. */
export function createReader(deps: ReaderDeps): Reader {
  const { destination, link, sources, own, forwarded, tail, takeMemory } = deps

  const pageIn = (source: Source): Promise<void> => {
    source.paging ??= new Promise((resolve, reject) => {
      link.call({ kind: 'page', destination, owners: source.owners, afterId: source.cursor, limit: pageRows }, (reply) => {
        source.paging = undefined
        if (reply.fault !== undefined) {
          deps.onFault(reply.fault)
          return reply.fault.kind === 'replaced' ? resolve() : reject(deps.broken())
        }
        if (reply.answer.kind !== 'page') throw new Error('BUG: the answer is not a page')
        const { rows } = reply.answer
        for (const missing of source.arrived(rows, rows.length < pageRows)) deps.onMissing(missing)
        resolve()
      })
    })
    return source.paging
  }

  const load = (entries: readonly Entry[]): Promise<void> => {
    const missing = entries.filter((entry) => entry.data === undefined)
    if (missing.length === 0) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const into = takeMemory === undefined ? [] : missing.map((entry) => takeMemory(entry.bytes))
      link.call({ kind: 'read', ids: missing.map((entry) => entry.id), into }, (reply) => {
        if (reply.fault !== undefined) {
          deps.onFault(reply.fault)
          // In the new file they are, or they are not and count as damaged.
          return reply.fault.kind === 'replaced' ? resolve(load(entries)) : reject(deps.broken())
        }
        if (reply.answer.kind !== 'read') throw new Error('BUG: the answer is not a reading')
        const { values } = reply.answer
        missing.forEach((entry, at) => {
          const value = values[at]
          if (value === undefined) deps.onDamaged(entry)
          else tail.readBack(entry, value)
        })
        resolve()
      })
    })
  }

  return {
    async oldestLine() {
      for (const source of [...sources]) {
        while (source.waiting.size === 0 && source.more) await pageIn(source)
        const at = sources.indexOf(source)
        if (source !== own && source.waiting.size === 0 && !source.more && at !== -1) sources.splice(at, 1)
      }
      let best = forwarded
      for (const { waiting } of sources) {
        if ((waiting.oldest()?.id ?? Number.POSITIVE_INFINITY) < (best.oldest()?.id ?? Number.POSITIVE_INFINITY)) best = waiting
      }
      return best
    },
    load,
  }
}
