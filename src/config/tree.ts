/** The untyped configuration tree between reading and validation, and what is done to it. */

/** A section as read: prototype-free, so that a key such as `__proto__` is a key like any other. */
export type Section = { [key: string]: unknown }

/** Where a value stands: keys from the top, list places as numbers. */
export type Path = readonly (string | number)[]

/** An empty section without a prototype. */
export const emptySection = (): Section => Object.create(null) as Section

/** True for mappings, false for lists, null and scalars. */
export function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `['ingest', 'zipkin', 'port']` → `ingest.zipkin.port`; keys that hold a dot are quoted. */
export function printPath(path: Path): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else text += `${text === '' ? '' : '.'}${/^[\w-]+$/.test(part) ? part : JSON.stringify(part)}`
  }
  return text
}

/** The value at a path; undefined when any part of the way is missing. */
export function valueAt(tree: unknown, path: Path): unknown {
  let at = tree
  for (const part of path) {
    if (typeof at !== 'object' || at === null) return undefined
    at = (at as Section)[part]
  }
  return at
}

/** Puts a value at a path and makes the sections on the way; a scalar in the way is replaced. Changes `tree`. */
export function setAt(tree: Section, path: readonly string[], value: unknown): void {
  let at = tree
  for (const part of path.slice(0, -1)) {
    const next = at[part]
    if (isSection(next)) at = next
    else at = at[part] = emptySection()
  }
  const last = path.at(-1)
  if (last !== undefined) at[last] = value
}

/** `over` laid on `under`, section by section; lists and scalars of `over` win whole. Neither is changed. */
export function merge(under: Section, over: Section): Section {
  const merged = Object.assign(emptySection(), under)
  for (const key of Object.keys(over)) {
    const [below, above] = [merged[key], over[key]]
    merged[key] = isSection(below) && isSection(above) ? merge(below, above) : above
  }
  return merged
}

/** Freezes a value and all it holds; gives it back. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const one of Object.values(value)) deepFreeze(one)
  }
  return value
}
