/** Figures as people read them. */

/** 41208113 → `41,208,113` */
export const grouped = (count: number): string => Math.round(count).toLocaleString('en-US')

/** 301_200_000 → `301.2 M`; below 100,000 exact. */
export function shortCount(count: number): string {
  if (count < 100_000) return grouped(count)
  const [unit, factor] = count < 1e6 ? ['k', 1e3] : count < 1e9 ? ['M', 1e6] : ['G', 1e9]
  return `${(count / Number(factor)).toFixed(1)} ${unit}`
}

/** 18_200_000_000 → `18.2 GB` */
export function bytesText(bytes: number): string {
  const found = (
    [
      ['TB', 1e12],
      ['GB', 1e9],
      ['MB', 1e6],
      ['kB', 1e3],
    ] as const
  ).find(([, factor]) => bytes >= factor)
  if (found === undefined) return `${Math.round(bytes)} B`
  const value = bytes / found[1]
  return `${value >= 100 ? Math.round(value) : value.toFixed(1)} ${found[0]}`
}

/** 5_880_000 → `1 h 38 min`; two units at the most. */
export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 600 && seconds % 60 !== 0) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  const whole = Math.round(seconds / 60)
  if (whole < 60) return `${whole} min`
  const hours = Math.floor(whole / 60)
  if (hours < 48) return whole % 60 === 0 ? `${hours} h` : `${hours} h ${whole % 60} min`
  const days = Math.floor(hours / 24)
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`
}

/** `2026-11-07 00:00`, UTC; empty where it is not known. */
export const minuteText = (ms: number | undefined): string =>
  ms === undefined ? '' : new Date(ms).toISOString().slice(0, 16).replace('T', ' ')

/** `2026-11-21 09:14:07 Z` */
export const secondText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} Z`

/** Nothing of what others named may move a terminal's cursor, or turn its direction of writing. */
export const plainWords = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)

export interface Column {
  readonly title: string
  /** Figures. */
  readonly right?: boolean
}

/** Columns as wide as their widest cell, two spaces apart. `foot` stands below a rule. Ends with a line end. */
export function alignedTable(columns: readonly Column[], rows: readonly (readonly string[])[], foot?: readonly string[]): string {
  const all = [columns.map(({ title }) => title), ...rows, ...(foot === undefined ? [] : [foot])].map((row) => row.map(plainWords))
  const widths = columns.map((_, at) => Math.max(...all.map((row) => (row[at] ?? '').length)))
  const lines = all.map((row) =>
    columns
      .map(({ right }, at) => (right === true ? (row[at] ?? '').padStart(widths[at] ?? 0) : (row[at] ?? '').padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
  const rule = widths.map((width) => '─'.repeat(width)).join('  ')
  const [head = '', ...body] = lines
  const last = foot === undefined ? [] : body.splice(-1)
  return `${[head, rule, ...body, ...(last.length === 0 ? [] : [rule, ...last])].join('\n')}\n`
}
