/** Rules of Grafana as Terraform exports them: queries are looked for and reported on, and the file is left to whoever makes it. */

import type { Item } from '../model.ts'
import { worse } from '../model.ts'
import type { Context } from '../options.ts'
import { parsePromql } from '../promql/parse.ts'
import { rewritePromql } from '../promql/rewrite.ts'
import { joinUses } from './alert-rule.ts'

const mostRules = 10_000

/** Text of a string of HCL or of JSON within one. */
function unquoted(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string
  } catch {
    return text
  }
}

/** Expressions of a block: `expr = "…"`, `"expr":"…"` in a text of JSON. */
function expressionsOf(block: string): readonly string[] {
  const found: string[] = []
  for (const [, text] of block.matchAll(/\bexpr\s{0,16}=\s{0,16}"((?:[^"\\\n]|\\.){0,65536})"/g)) found.push(unquoted(text ?? ''))
  for (const [, text] of block.matchAll(/\\"expr\\":\s{0,16}\\"((?:[^"\\\n]|\\[^"\n]|\\\\\\"){0,65536})\\"/g))
    found.push(unquoted(unquoted(text ?? '')))
  return found
}

/** One item for each `rule` block. */
export function terraformRules(text: string, { metrics, options }: Context): readonly Item[] {
  const starts = [...text.matchAll(/^[ \t]*rule[ \t]*\{/gm)].slice(0, mostRules).map((one) => one.index)
  const ids = new Set<string>()
  return starts.map((start, at): Item => {
    const block = text.slice(start, starts[at + 1] ?? text.length)
    const title = unquoted(/^[ \t]*name[ \t]*=[ \t]*"((?:[^"\\\n]|\\.){0,1024})"/m.exec(block)?.[1] ?? `rule ${at + 1}`)
    const queries = expressionsOf(block).filter((expr) => typeof parsePromql(expr) !== 'string')
    const results = queries.map((expr) =>
      rewritePromql(expr, {
        naming: metrics,
        variables: new Set(),
        scale: 'query',
        transition: 'none',
        role: 'rule',
        targets: options.targets.metrics,
        exportInterval: options.exportInterval,
      }),
    )
    let id = `rule/${title}`
    for (let n = 2; ids.has(id); n++) id = `rule/${title}/${n}`
    ids.add(id)
    const changed = results.some((result, index) => result.after !== queries[index])
    const status = results.reduce(
      (worst, result) => worse(worst, result.status),
      queries.length === 0 || changed ? 'manual' : ('unchanged' as Item['status']),
    )
    return {
      kind: 'rule',
      id,
      where: `line ${text.slice(0, start).split('\n').length}`,
      title,
      language: 'promql',
      status,
      before: queries.join('\n'),
      after: results.length === 0 ? undefined : results.map(({ after }) => after).join('\n'),
      edits: [],
      notes: [
        ...results.flatMap(({ notes }) => notes),
        ...(queries.length === 0 ? [{ code: 'OBD-A-018' as const, text: 'no query in PromQL was found in the rule' }] : []),
        ...(changed ? [{ code: 'OBD-A-032' as const, text: 'the query has to be changed where the file is made' }] : []),
      ],
      uses: joinUses(results.map(({ uses }) => uses)),
    }
  })
}
