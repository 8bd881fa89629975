/** The report as one page: old on the left, new on the right. Everything is escaped, nothing is loaded, and it is readable without its script. */

import { type CodeRow, codes } from '../codes.ts'
import { statuses } from '../model.ts'
import { commandsFor } from './commands.ts'
import { script, style } from './html-style.ts'
import type { Report, ReportItem, ReportNote, ReportSource, Scored } from './model.ts'
import { type Piece, piecesOf } from './spans.ts'

/** Beyond so many queries those that are unchanged are counted only: a browser shows no page of a hundred megabytes. */
const mostShown = 5000
const shownNames = 1000

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Text for contents and attributes. Marks that turn the direction of writing are shown, not obeyed. */
export const escaped = (text: string): string =>
  text
    .replace(/[&<>"']/g, (character) => entities[character] ?? character)
    .replace(/(?![\t\n\r])[\p{Cf}\p{Cc}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)

/** Links only where a browser goes somewhere: nothing else than http, https and paths. */
const link = (href: string, text: string): string =>
  /^(?:https?:\/\/|[\w./-]+(?:#[\w-]*)?$)/.test(href) ? `<a href="${escaped(href)}" rel="noreferrer">${escaped(text)}</a>` : escaped(text)

/** To the paragraph at the end of this very page. */
const codeLink = (code: string): string => `<a href="#${escaped(code.toLowerCase())}">${escaped(code)}</a>`

/** What the codes of a report mean, so that the page needs nothing beside it. */
function codesOf({ sources, notConverted }: Report): string {
  const used = new Set<string>()
  for (const { notes } of notConverted) for (const { code } of notes) used.add(code)
  for (const { notes, items, parts } of sources)
    for (const list of [notes, ...[...items, ...parts].map((one) => one.notes)]) for (const { code } of list) used.add(code)
  const rows: ReadonlyMap<string, CodeRow> = new Map(Object.entries(codes))
  const paragraphs = [...used].sort().map((code) => {
    const row = rows.get(code)
    return `<dt id="${escaped(code.toLowerCase())}"><strong>${escaped(code)}</strong> ${escaped(row?.title ?? '')}</dt><dd>${escaped(row === undefined ? '' : `${row.why} ${row.todo}`)}</dd>`
  })
  return paragraphs.length === 0 ? '' : `<h2>Codes</h2><dl>${paragraphs.join('')}</dl>`
}

const percent = (score: number): string => `${(Math.floor(score * 1000) / 10).toFixed(1)} %`

const statusText = (status: string): string => `<span class="status ${status}">${status}</span>`

const side = (pieces: readonly Piece[], tag: 'del' | 'ins'): string =>
  pieces.map(({ text, changed }) => (changed ? `<${tag}>${escaped(text)}</${tag}>` : escaped(text))).join('')

const notesOf = (notes: readonly ReportNote[]): string =>
  notes.length === 0
    ? ''
    : `<ul class="notes">${notes
        .map(
          ({ code, text, suggestion }) =>
            `<li>${codeLink(code)} ${escaped(text)}${suggestion === undefined ? '' : ` <em>${escaped(suggestion)}</em>`}</li>`,
        )
        .join('')}</ul>`

function itemOf(item: ReportItem): string {
  const { old, new: fresh } = piecesOf(item)
  const after =
    item.after === null
      ? '<p class="quiet">Nothing is written.</p>'
      : item.after === item.before
        ? '<p class="quiet">As it was.</p>'
        : `<pre>${side(fresh, 'ins')}</pre>`
  const measured =
    item.verify === null ? '' : `<p>Measured: <strong>${escaped(item.verify.verdict)}</strong> ${escaped(item.verify.text)}</p>`
  return `<article data-status="${item.status}" data-changed="${item.after === item.before ? 'no' : 'yes'}"><h4>${statusText(item.status)} ${escaped(
    item.title === '' ? item.id : item.title,
  )}</h4><p class="quiet">${escaped(item.where)} (${escaped(item.id)})</p>${notesOf(item.notes)}${measured}<div class="sides"><div><h5>old: ${escaped(
    item.language,
  )}</h5><pre>${side(old, 'del')}</pre></div><div><h5>new: ${escaped(item.afterLanguage ?? item.language)}</h5>${after}</div></div></article>`
}

const cells = (one: Scored | ReportSource, items: number): string =>
  `<td class="number">${percent(one.score)}</td><td class="number">${items}</td>${statuses.map((status) => `<td class="number">${one.counts[status]}</td>`).join('')}`

const head = (first: string): string =>
  `<thead><tr><th scope="col">${first}</th><th scope="col" class="number">score</th><th scope="col" class="number">queries</th>${statuses
    .map((status) => `<th scope="col" class="number">${status}</th>`)
    .join('')}</tr></thead>`

const scores = (list: readonly Scored[], first: string): string =>
  `<table>${head(first)}<tbody>${list.map((one) => `<tr><th scope="row">${escaped(one.name)}</th>${cells(one, one.items)}</tr>`).join('')}</tbody></table>`

function sourceOf(source: ReportSource, all: boolean, number: number): string {
  const { path, title, kind, link: href, status, notes, items, parts } = source
  const shown = [...items, ...parts].filter((one) => all || one.status !== 'unchanged')
  const hidden = items.length + parts.length - shown.length
  const old = href === undefined ? '' : ` ${link(href, 'open the old one')}`
  return `<details class="source" id="source-${number}"${status === 'unchanged' || status === 'exact' ? '' : ' open'}><summary><h3>${escaped(
    title === '' ? path : title,
  )}</h3> ${statusText(status)} ${percent(source.score)}</summary><p class="quiet">${escaped(path)}, ${escaped(kind)}${
    source.output.length === 0 ? '' : `, written: ${escaped(source.output.join(', '))}`
  }${old}</p>${notesOf(notes)}${hidden === 0 ? '' : `<p class="quiet">${hidden} unchanged are not shown.</p>`}${shown.map(itemOf).join('')}</details>`
}

function inventoryOf({ metrics, fieldsUnmapped, datasourcesUnmapped }: Report['inventory']): string {
  const parts: string[] = []
  const table = (heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
    `<table><thead><tr>${heads.map((one) => `<th scope="col">${one}</th>`).join('')}</tr></thead><tbody>${rows
      .map(
        (one) =>
          `<tr>${one.map((value) => (typeof value === 'number' ? `<td class="number">${value}</td>` : `<td>${escaped(value)}</td>`)).join('')}</tr>`,
      )
      .join('')}</tbody></table>`
  if (metrics.length > 0) {
    const rows = metrics
      .slice(0, shownNames)
      .map((one) => [one.old, one.new === null ? '(gone)' : one.new === one.old ? '(same)' : one.new, one.k, one.uses, one.dashboards])
    parts.push('<h3>Metrics</h3>', table(['metric', 'now', 'factor', 'queries', 'sources'], rows))
  }
  if (fieldsUnmapped.length > 0)
    parts.push(
      '<h3>Fields without a home</h3>',
      table(
        ['field', 'why', 'queries'],
        fieldsUnmapped.slice(0, shownNames).map((one) => [one.field, one.why, one.uses]),
      ),
    )
  if (datasourcesUnmapped.length > 0)
    parts.push(
      '<h3>Data sources that nobody mapped</h3>',
      table(
        ['data source', 'sources'],
        datasourcesUnmapped.slice(0, shownNames).map((one) => [one.datasource, one.dashboards]),
      ),
    )
  return parts.length === 0 ? '' : `<h2>Inventory</h2>${parts.join('')}`
}

/** Piece by piece, a source each. */
export function* htmlReport(report: Report): Generator<string> {
  const { sources, notConverted, scores: sums, assumptions, command } = report
  const all = sums.all.items <= mostShown
  const commands = commandsFor(sources)
  yield `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"><meta name="referrer" content="no-referrer"><title>Conversion of ${command}</title><style>${style}</style></head><body><main>
<h1>Conversion of ${command}</h1>
<p class="quiet">${escaped(report.tool)}, mapping ${escaped(report.mappingHash.slice(0, 12))}. ${sources.length} converted, ${notConverted.length} not.</p>
${scores([sums.all], 'all')}
${assumptions.length === 0 ? '' : `<h2>Taken for granted</h2><ul>${assumptions.map((one) => `<li>${escaped(one)}</li>`).join('')}</ul>`}
${sums.folders.length > 1 ? `<h2>Folders</h2>${scores(sums.folders, 'folder')}` : ''}
${sums.tags.length > 0 ? `<h2>Tags</h2>${scores(sums.tags, 'tag')}` : ''}
${
  notConverted.length === 0
    ? ''
    : `<h2>Not converted</h2><table><thead><tr><th scope="col">file</th><th scope="col">kind</th><th scope="col">why</th></tr></thead><tbody>${notConverted
        .map(
          ({ path, kind, notes }) =>
            `<tr><th scope="row">${escaped(path)}</th><td>${escaped(kind)}</td><td>${notes.map(({ code, text }) => `${codeLink(code)} ${escaped(text)}`).join('<br>')}</td></tr>`,
        )
        .join('')}</tbody></table>`
}
<h2>Queries</h2>
<fieldset hidden><legend>Show</legend>${statuses
    .map((status) => `<label><input type="checkbox" name="status" value="${status}" checked> ${statusText(status)}</label>`)
    .join('')}<label><input type="checkbox" name="changed"> only what changed</label><span id="shown" role="status"></span></fieldset>
`
  for (const [at, source] of sources.entries()) yield `${sourceOf(source, all, at)}\n`
  yield `${inventoryOf(report.inventory)}
${codesOf(report)}
${commands.length === 0 ? '' : `<h2>To load the results</h2><pre>${escaped(commands.join('\n'))}</pre>`}
</main><script>${script}</script></body></html>
`
}
