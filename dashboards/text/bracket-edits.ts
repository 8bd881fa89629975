/** Putting things into brackets and taking them out, commas included: objects and arrays of JSON, flow collections of YAML. */

import type { TextEdit } from './edits.ts'

export interface Bracketed {
  /** Of the opening bracket. */
  readonly start: number
  /** Behind the closing one. */
  readonly end: number
  /** What stands in it, in order; of a member from its key to its value. */
  readonly children: readonly { readonly start: number; readonly end: number; readonly stays: boolean }[]
  /** What is put in, written already, in order of `behind`: the index of the child that it stands behind, -1 in front of all. */
  readonly added: readonly { readonly behind: number; readonly text: string }[]
  /** White space between two children, without the comma. */
  readonly between: string
  /** White space behind the opening and in front of the closing bracket, where none of the old children stays. */
  readonly padding: readonly [opening: string, closing: string]
}

/** Edits that do it. They touch nothing of the children that stay. */
export function bracketEdits({ start, end, children, added, between, padding }: Bracketed): TextEdit[] {
  const behind = (at: number): string[] => added.filter((one) => one.behind === at).map(({ text }) => text)
  const kept = children.flatMap(({ stays }, at) => (stays ? [at] : []))
  const first = kept[0]
  if (first === undefined) {
    const all = added.map(({ text }) => text).join(`,${between}`)
    return [{ start: start + 1, end: end - 1, to: all === '' ? '' : `${padding[0]}${all}${padding[1]}` }]
  }
  const edits: TextEdit[] = []
  let front = ''
  for (let at = -1; at < first; at++) for (const one of behind(at)) front += `${one},${between}`
  const from = children[0]?.start ?? start
  const to = children[first]?.start ?? from
  if (front !== '' || to > from) edits.push({ start: from, end: to, to: front })
  for (const [nth, at] of kept.entries()) {
    const next = kept[nth + 1] ?? children.length
    const gone = children[at]?.end ?? from
    const until = children[next - 1]?.end ?? gone
    let put = ''
    for (let index = at; index < next; index++) for (const one of behind(index)) put += `,${between}${one}`
    if (put !== '' || until > gone) edits.push({ start: gone, end: until, to: put })
  }
  return edits
}
