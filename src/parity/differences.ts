/** Puts equal differences together: one row says what is wrong, of how many, and shows the first. */

import type { Difference, Finding, Shown } from './model.ts'

/** Gathers the findings of one key and window. */
export interface Differences {
  add(finding: Finding): void
  /**
   * Rows, unexplained ones first, then by count.
   * @param of how many items could have shown a finding
   */
  rows(of: (finding: Finding) => number): readonly Difference[]
}

/** Longest value in a report. */
const longestShown = 500

/** Different rows of a key and window; what is beyond them is one row more. */
const mostRows = 200

/** A value cut to what a report shows. */
function shown(value: Shown): Shown {
  return typeof value === 'string' && value.length > longestShown ? `${value.slice(0, longestShown - 1)}…` : value
}

const sides = { missing_old: 'missing on old', missing_new: 'missing on new', extra_new: 'on new alone' } as const

const attribute = /^(.*\.)?attributes\["(.*)"\]$/s

/** `attribute http.route`, `attribute x of events`, `name`. */
function naming(path: string): string {
  const found = attribute.exec(path)
  if (found === null) return path
  const owner = (found[1] ?? '').replace(/\.$/, '')
  return owner === '' ? `attribute ${found[2] ?? ''}` : `attribute ${found[2] ?? ''} of ${owner}`
}

const quoted = (value: Shown): string => (value === undefined ? 'nothing' : JSON.stringify(shown(value))).slice(0, 80)

function happening(finding: Finding): string {
  if (finding.kind === 'changed') return `changed: ${quoted(finding.expected ?? finding.old)} became ${quoted(finding.new)}`
  if (finding.kind === 'unaccounted') return 'is found nowhere on new, and no rule consumed it'
  if (finding.kind === 'mapping_changed') return 'is not what translation makes now'
  return sides[finding.kind]
}

const clock = (ms: number): string => new Date(ms).toISOString().slice(11, 16)

/** A sentence that has its own figures stays as it is. */
const withCount = (text: string, count: number, total: number, rule: string, seen: string): string =>
  /\d of \d/.test(text) ? text : `${text}: ${count} of ${total}, rule ${rule}${seen}`

interface Group {
  readonly first: Finding
  count: number
  firstMs: number | undefined
}

/** @param subject what is counted, for the sentence: `sampled spans of service cart` */
export function createDifferences(subject: string): Differences {
  const groups = new Map<string, Group>()
  return {
    add(finding) {
      const full = groups.size >= mostRows
      const name = JSON.stringify([finding.class, finding.kind, finding.rule, finding.path, finding.text])
      const id = full && !groups.has(name) ? '' : name
      const found = groups.get(id)
      if (found === undefined) {
        const first = id === '' ? { ...finding, path: '(others)', rule: '', text: undefined } : finding
        groups.set(id, { first, count: 1, firstMs: finding.atMs })
        return
      }
      found.count++
      if (finding.atMs !== undefined && (found.firstMs === undefined || finding.atMs < found.firstMs)) found.firstMs = finding.atMs
    },
    rows: (of) =>
      [...groups.values()]
        .sort((a, b) => Number(b.first.class === 'unexplained') - Number(a.first.class === 'unexplained') || b.count - a.count)
        .map(({ first, count, firstMs }) => {
          const total = Math.max(count, of(first))
          const seen = firstMs === undefined ? '' : `, first seen ${clock(firstMs)}`
          const rule = first.rule === '' ? 'none' : first.rule
          return {
            class: first.class,
            kind: first.kind,
            rule: first.rule,
            path: first.path,
            count,
            of: total,
            text:
              first.text !== undefined
                ? withCount(first.text, count, total, rule, seen)
                : `${naming(first.path)} ${happening(first)}: ${count} of ${total} ${subject}, rule ${rule}${seen}`,
            example: {
              id: first.id,
              ...(first.old === undefined ? {} : { old: shown(first.old) }),
              ...(first.new === undefined ? {} : { new: shown(first.new) }),
              ...(first.expected === undefined ? {} : { expected: shown(first.expected) }),
            },
          }
        }),
  }
}
