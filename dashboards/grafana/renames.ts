/** Labels and series of a panel's results that have other names now, and texts that speak of them: section 5.1 of the reference. */

/** Old names → new ones of one panel, or of one query. */
export interface Renames {
  /** Labels, which are columns of tables too. */
  readonly labels: ReadonlyMap<string, string>
  /** Names of series that no legend names. */
  readonly series: ReadonlyMap<string, string>
  /** Names that mean different things in the panel's queries, or are gone: nobody can follow them. name → why */
  readonly unsure: ReadonlyMap<string, string>
}

export const noRenames: Renames = { labels: new Map(), series: new Map(), unsure: new Map() }

/** What one query of a panel says of names. */
export interface QueryRenames {
  readonly labels: ReadonlyMap<string, string>
  readonly series: ReadonlyMap<string, string>
  /** Labels that its results have under their old name. */
  readonly keeps: ReadonlySet<string>
}

/** Puts together what the queries of a panel say. A label that one renames and another keeps, or renames otherwise, is unsure. */
export function joinRenames(queries: readonly QueryRenames[]): Renames {
  const labels = new Map<string, string>()
  const series = new Map<string, string>()
  const unsure = new Map<string, string>()
  const join = (into: Map<string, string>, from: ReadonlyMap<string, string>) => {
    for (const [old, name] of from) {
      if (old === name) continue
      const before = into.get(old)
      if (before !== undefined && before !== name) unsure.set(old, `is "${before}" in one query of the panel and "${name}" in another`)
      into.set(old, name)
    }
  }
  for (const one of queries) {
    join(labels, one.labels)
    join(series, one.series)
  }
  for (const one of queries) {
    for (const [old, name] of labels)
      if (one.keeps.has(old) && !one.labels.has(old)) unsure.set(old, `is "${name}" in one query of the panel and stays in another`)
  }
  for (const old of unsure.keys()) {
    labels.delete(old)
    series.delete(old)
  }
  return { labels, series, unsure }
}

/** The new name of a field; the same where it has none. Of joined tables a field has a number behind its name: `pod 2`. */
export function renameField(name: string, renames: Renames): string {
  const direct = renames.labels.get(name) ?? renames.series.get(name)
  if (direct !== undefined) return direct
  const numbered = /^(.{1,512}) (\d{1,4})$/s.exec(name)
  if (numbered === null) return name
  const [, base = '', number = ''] = numbered
  const renamed = renames.labels.get(base) ?? renames.series.get(base)
  return renamed === undefined ? name : `${renamed} ${number}`
}

/** Legends: `{{label}}` and `{{ label }}`; what stands around stays. A legend that is a name of a series alone stays: it is a text of its own. */
export function renameLegend(legend: string, renames: Renames): string {
  let out = ''
  let at = 0
  for (let open = legend.indexOf('{{'); open !== -1; open = legend.indexOf('{{', at)) {
    const close = legend.indexOf('}}', open + 2)
    if (close === -1) break
    const inside = legend.slice(open + 2, close)
    const label = inside.trim()
    const renamed = renames.labels.get(label)
    const start = open + 2 + (inside.length - inside.trimStart().length)
    out +=
      renamed === undefined
        ? legend.slice(at, close + 2)
        : `${legend.slice(at, start)}${renamed}${legend.slice(start + label.length, close + 2)}`
    at = close + 2
  }
  return out + legend.slice(at)
}

/** Labels that a legend speaks of. */
export function legendLabels(legend: string): string[] {
  const labels: string[] = []
  let at = 0
  for (let open = legend.indexOf('{{'); open !== -1; open = legend.indexOf('{{', at)) {
    const close = legend.indexOf('}}', open + 2)
    if (close === -1) break
    labels.push(legend.slice(open + 2, close).trim())
    at = close + 2
  }
  return labels
}

const dotted = /^[A-Za-z_]\w*$/

/** Behind `.` where it may stand there, else in brackets. */
const access = (name: string): string => (dotted.test(name) ? `.${name}` : `["${name.replaceAll('"', '\\"')}"]`)

/**
 * Data links and display names: `${__field.labels.x}`, `${__field.labels["x"]}`, `${__data.fields.x}`, `${__data.fields['x'].text}`. All else stays as it is
 * written.
 */
export function renameTemplate(text: string, renames: Renames): string {
  if (!text.includes('${__')) return text
  return text.replace(
    /\$\{__(field\.labels|data\.fields)(?:\.(\w{1,256})|\[(?:"([^"\]]{1,256})"|'([^'\]]{1,256})'|([\w .]{1,256}))\])/g,
    (whole: string, what: string, plain?: string, double?: string, single?: string, bare?: string) => {
      const name = plain ?? double ?? single ?? bare ?? ''
      const renamed = what === 'field.labels' ? (renames.labels.get(name) ?? name) : renameField(name, renames)
      if (renamed === name) return whole
      const head = `\${__${what}`
      if (plain !== undefined) return `${head}${access(renamed)}`
      if (single !== undefined && !renamed.includes("'")) return `${head}['${renamed}']`
      return `${head}["${renamed}"]`
    },
  )
}

const wordSign = /[\w:]/

/** Whether a pattern speaks of a name, whole. */
function placesOf(text: string, name: string): number[] {
  const places: number[] = []
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + name.length)) {
    const before = at === 0 ? '' : text.charAt(at - 1)
    const after = text.charAt(at + name.length)
    const escaped = before !== '' && at >= 2 && text.charAt(at - 2) === '\\' && !/[.\\]/.test(before)
    if ((before === '' || escaped || !wordSign.test(before)) && (after === '' || !wordSign.test(after))) places.push(at)
  }
  return places
}

/** A regular expression that reads names: those that stand in it as words are renamed. `unclear`: a name that is unsure stands in it. */
export function renamePattern(pattern: string, renames: Renames): { readonly text: string; readonly unclear: readonly string[] } {
  const edits: { at: number; old: string; name: string }[] = []
  const all = [...renames.labels, ...renames.series].toSorted(([one], [other]) => other.length - one.length)
  for (const [old, name] of all) {
    if (old === '') continue
    for (const at of placesOf(pattern, old)) {
      const end = at + old.length
      if (!edits.some((edit) => at < edit.at + edit.old.length && edit.at < end)) edits.push({ at, old, name: escapePattern(name) })
    }
  }
  let text = ''
  let from = 0
  for (const { at, old, name } of edits.toSorted((one, other) => one.at - other.at)) {
    text += pattern.slice(from, at) + name
    from = at + old.length
  }
  return { text: text + pattern.slice(from), unclear: [...renames.unsure.keys()].filter((name) => placesOf(pattern, name).length > 0) }
}

/** A name as a regular expression reads it literally. */
const escapePattern = (name: string): string => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** Whether a text mentions a name as a word. */
export const mentions = (text: string, name: string): boolean => placesOf(text, name).length > 0
