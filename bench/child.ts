/**
 * Works on one task in a process of its own, started with the launcher's flags: figures of a format do not depend on which others
 * were measured before it.
 */

import { readFileSync } from 'node:fs'
import { type Format, seededBodies } from './bodies.ts'
import { type BenchCase, createCases } from './cases.ts'
import { createDocumentCases } from './documents.ts'
import { type Measured, measure } from './measure.ts'
import { createPointCases } from './points.ts'
import { profileCase, type SelfTime } from './profile.ts'
import { measureQueue, type QueueRow, queueCases } from './queue.ts'

/** What cases belong to: a format of spans, points of metrics, or documents. */
export type Group = Format | 'points' | 'documents'

/** What a child is told, as JSON in its first argument. `names` are those of cases. */
export type Task =
  | {
      readonly kind: 'format'
      readonly format: Group
      readonly file?: string
      readonly names: readonly string[]
      readonly seconds: number
    }
  | { readonly kind: 'queue'; readonly names: readonly string[]; readonly seconds: number }
  | {
      readonly kind: 'profile'
      readonly format: Group
      readonly file?: string
      readonly name: string
      readonly seconds: number
      readonly out: string
    }

/** What it answers, one message a row. */
export type Answer =
  | { readonly kind: 'format'; readonly row: Measured }
  | { readonly kind: 'queue'; readonly row: QueueRow }
  | { readonly kind: 'profile'; readonly times: readonly SelfTime[] }

/** So many different bodies in turn that no branch predictor learns them by heart. */
const bodyCount = 16

const answer = (message: Answer): void => void process.send?.(message)

function casesFor({ format, file }: { readonly format: Group; readonly file?: string }): BenchCase[] {
  if (format === 'points') return createPointCases()
  if (format === 'documents') return createDocumentCases()
  return createCases(format, file === undefined ? seededBodies(format, bodyCount) : [readFileSync(file)])
}

/** Of a file nobody knows the number of spans beforehand: names are compared without it. */
const withoutSpans = (name: string): string => name.replace(/\/\d+-spans$/, '')
const sameCase = (left: string, right: string): boolean => withoutSpans(left) === withoutSpans(right)

async function work(task: Task): Promise<void> {
  if (task.kind === 'queue') {
    for (const one of queueCases) {
      if (task.names.includes(one.name)) answer({ kind: 'queue', row: await measureQueue(one, task.seconds) })
    }
    return
  }
  const cases = casesFor(task)
  if (task.kind === 'format') {
    for (const one of cases) {
      if (task.names.some((name) => sameCase(name, one.name))) answer({ kind: 'format', row: measure(one, task.seconds) })
    }
    return
  }
  const one = cases.find(({ name }) => sameCase(name, task.name))
  if (one === undefined) throw new Error(`BUG: no case ${task.name}`)
  answer({ kind: 'profile', times: await profileCase(one, task.seconds, task.out) })
}

await work(JSON.parse(process.argv[2] ?? '') as Task)
