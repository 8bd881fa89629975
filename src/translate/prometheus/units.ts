/**
 * Units of Prometheus, which are English words, and of OTLP, which are UCUM codes: section 9 of the mapping.
 *
 * The unit `1` is never given: a backend that adds units to names turns a gauge `x` of unit 1 into `x_ratio`.
 */

const table: readonly (readonly [word: string, code: string])[] = [
  ['days', 'd'],
  ['hours', 'h'],
  ['minutes', 'min'],
  ['seconds', 's'],
  ['milliseconds', 'ms'],
  ['microseconds', 'us'],
  ['nanoseconds', 'ns'],
  ['bytes', 'By'],
  ['kibibytes', 'KiBy'],
  ['mebibytes', 'MiBy'],
  ['gibibytes', 'GiBy'],
  ['tebibytes', 'TiBy'],
  ['kilobytes', 'kBy'],
  ['megabytes', 'MBy'],
  ['gigabytes', 'GBy'],
  ['terabytes', 'TBy'],
  ['meters', 'm'],
  ['volts', 'V'],
  ['amperes', 'A'],
  ['joules', 'J'],
  ['watts', 'W'],
  ['grams', 'g'],
  ['celsius', 'Cel'],
  ['hertz', 'Hz'],
  ['percent', '%'],
]

const codes: ReadonlyMap<string, string> = new Map(table)
const words: ReadonlyMap<string, string> = new Map(table.map(([word, code]) => [code, word]))

/** The UCUM code of a unit out of metadata. Unknown words, and codes, pass unchanged; `ratio` and `1` are no unit: empty. */
export function unitOf(metadataUnit: string): string {
  return metadataUnit === 'ratio' || metadataUnit === '1' ? '' : (codes.get(metadataUnit) ?? metadataUnit)
}

/** The word that stands for a UCUM code in names; what is not in the table passes unchanged, 1 is empty. */
export function unitWord(code: string): string {
  return code === '1' ? '' : (words.get(code) ?? code)
}

/** The UCUM code of the unit that a name ends in, before `_total` if it has that: `node_cpu_seconds_total` is `s`. Only words of the table, and never a name that is nothing else; otherwise empty. */
export function unitFromSuffix(name: string): string {
  const stem = name.endsWith('_total') ? name.slice(0, -'_total'.length) : name
  const at = stem.lastIndexOf('_')
  return at > 0 ? (codes.get(stem.slice(at + 1)) ?? '') : ''
}
