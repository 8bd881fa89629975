/**
 * `filter_path`: which parts of an answer a client wants. `a.b` a path, `*` any name or a part of one, `**` one or more levels, `-` before a path
 * what is left out, `\.` a dot inside of a name; lists are looked through. Section 3.4 of the mapping; run against 7.17 and 8.19.
 */

/** One step of a path. */
interface Step {
  readonly pattern: string
  /** `**`: it may stand for more than one level. */
  readonly deep: boolean
  /** Undefined at the end: whatever is below belongs to it. */
  readonly next: Step | undefined
}

/** A longer list is not looked at: everything is answered then. */
const maxLength = 8192
/** Below this many levels nothing is left out. */
const maxDepth = 500

/** What is left of paths at some place; `all` when a path ends there. */
type Steps = readonly Step[] | 'all'

const none: readonly Step[] = []

function stepsOf(path: string): Step | undefined {
  const names = path.split(/(?<!\\)\./).map((name) => name.replaceAll('\\.', '.'))
  let step: Step | undefined
  for (const name of names.reverse()) step = { pattern: name, deep: name === '**', next: step }
  return step
}

/** Whether a name is what a pattern with `*` stands for. Goes back to the last `*` only, so that no pattern takes long. */
function isMatch(pattern: string, name: string): boolean {
  if (!pattern.includes('*')) return pattern === name
  let at = 0
  let read = 0
  let star = -1
  let resume = 0
  while (read < name.length) {
    if (at < pattern.length && pattern[at] === '*') {
      star = at++
      resume = read
    } else if (at < pattern.length && pattern[at] === name[read]) {
      at++
      read++
    } else if (star >= 0) {
      at = star + 1
      read = ++resume
    } else return false
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}

/** What is left of the paths below a name. */
function below(steps: readonly Step[], name: string): Steps {
  let left: Step[] | undefined
  for (const step of steps) {
    if (!isMatch(step.pattern, name)) continue
    if (step.next === undefined) return 'all'
    left ??= []
    if (!left.includes(step.next)) left.push(step.next)
    if (step.deep && !left.includes(step)) left.push(step)
  }
  return left ?? none
}

/** Gone: nothing of a value is left. */
const gone = Symbol('gone')

/** @param keep true: only what the paths name is kept; false: that is what goes */
function shape(value: unknown, steps: readonly Step[], depth: number, keep: boolean): unknown {
  if (steps.length === 0) return keep ? gone : value
  if (typeof value !== 'object' || value === null) return keep ? gone : value
  if (depth >= maxDepth) return value
  if (Array.isArray(value)) {
    const left = value.map((one) => shape(one, steps, depth + 1, keep)).filter((one) => one !== gone)
    return left.length === 0 ? gone : left
  }
  const members: [string, unknown][] = []
  for (const [name, one] of Object.entries(value)) {
    const left = below(steps, name)
    const kept = left === 'all' ? (keep ? one : gone) : shape(one, left, depth + 1, keep)
    if (kept !== gone) members.push([name, kept])
  }
  return members.length === 0 ? gone : Object.fromEntries(members)
}

/** Whether a path, names from the outermost, or one above it, is one of the paths'. */
function reaches(steps: readonly Step[], path: readonly string[]): boolean {
  let left = steps
  for (const name of path) {
    const next = below(left, name)
    if (next === 'all') return true
    if (next.length === 0) return false
    left = next
  }
  return false
}

/** A list of paths, read. */
export interface PathFilter {
  /** What is left of an answer; undefined when nothing is. The answer itself stays as it is. */
  apply(value: unknown): unknown
  /** Whether a simple value at this path, list places left out, stays. */
  keeps(path: readonly string[]): boolean
}

/** Reads a list of paths; undefined when it wants everything. */
export function parseFilter(text: string): PathFilter | undefined {
  if (text.length > maxLength) return undefined
  const includes: Step[] = []
  const excludes: Step[] = []
  for (const part of text.split(',')) {
    const path = part.trim()
    const isExclude = path.startsWith('-')
    const step = stepsOf(isExclude ? path.slice(1) : path)
    if (step !== undefined && path !== '' && path !== '-') (isExclude ? excludes : includes).push(step)
  }
  if (includes.length === 0 && excludes.length === 0) return undefined
  return {
    apply(value) {
      let left = value
      if (includes.length > 0) left = shape(left, includes, 0, true)
      if (excludes.length > 0 && left !== gone) left = shape(left, excludes, 0, false)
      return left === gone ? undefined : left
    },
    keeps: (path) => (includes.length === 0 || reaches(includes, path)) && !reaches(excludes, path),
  }
}

const kept = new Map<string, PathFilter | undefined>()
const maxKept = 64

/** As {@link parseFilter}; the last ones are kept, since a client sends the same with each request. */
export function filterOf(text: string): PathFilter | undefined {
  if (text === '') return undefined
  const found = kept.get(text)
  if (found !== undefined || kept.has(text)) return found
  const filter = parseFilter(text)
  if (kept.size >= maxKept) kept.clear()
  kept.set(text, filter)
  return filter
}

/** What is left of an answer by a list of paths; undefined when nothing is. */
export function createFilter(text: string): (value: unknown) => unknown {
  const filter = filterOf(text)
  return (value) => (filter === undefined ? value : filter.apply(value))
}
