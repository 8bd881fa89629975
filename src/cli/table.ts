/** Plain tables for a terminal. */

export type CellText = string | number

/** Names are the senders': nothing of them may move a terminal's cursor, nor turn its direction of writing. */
export const plainText = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)

/** Columns as wide as their widest cell, two spaces apart; numbers to the right, everything else to the left. Ends with a line end. */
export function printTable(head: readonly string[], rows: readonly (readonly CellText[])[]): string {
  const show = (cell: CellText): string => (typeof cell === 'number' ? cell.toLocaleString('en-US').replaceAll(',', ' ') : plainText(cell))
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => show(row[at] ?? '').length)))
  const numeric = head.map((_, at) => rows.length > 0 && rows.every((row) => typeof row[at] === 'number'))
  const line = (cells: readonly CellText[]): string =>
    cells
      .map((cell, at) => (numeric[at] === true ? show(cell).padStart(widths[at] ?? 0) : show(cell).padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd()
  const rule = widths.map((width) => '─'.repeat(width)).join('  ')
  return `${[line(head), rule, ...rows.map(line)].join('\n')}\n`
}
