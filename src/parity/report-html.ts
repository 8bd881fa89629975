/** The report as one file that opens from disk: nothing comes from outside, everything is escaped. */

import type { Difference, ParityReport, ReportItem, Shown } from './model.ts'
import { percent, tableHead, tableRow } from './report-table.ts'

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Also marks that turn the direction of writing, so that a name cannot pose as another. */
const escaped = (text: string): string =>
  text
    .replace(/[&<>"']/g, (char) => entities[char] ?? char)
    .replace(/[\p{Cc}\p{Cf}]/gu, (char) => (char === '\n' ? ' ' : `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`))

const style = `
:root{color-scheme:light dark;--line:#8884;--bad:#b42318;--ok:#05603a;--soft:#8881}
@media(prefers-color-scheme:dark){:root{--bad:#f97066;--ok:#6ce9a6}}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{border-bottom:1px solid var(--line);padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
.bad{color:var(--bad);font-weight:600}.ok{color:var(--ok);font-weight:600}
.scroll{overflow-x:auto}code{font-size:.9em}fieldset{border:1px solid var(--line);margin:1rem 0}label{margin-right:1rem}
tr.unexplained{background:var(--soft)}[hidden]{display:none}`

const script = `
const boxes=[...document.querySelectorAll('input[data-class]')]
const text=document.querySelector('#find')
const show=()=>{
  const on=new Set(boxes.filter(b=>b.checked).map(b=>b.dataset.class))
  const word=text.value.toLowerCase()
  for(const row of document.querySelectorAll('tr[data-class]'))row.hidden=!on.has(row.dataset.class)||!row.textContent.toLowerCase().includes(word)
}
for(const one of [...boxes,text])one.addEventListener('input',show)`

const cell = (value: Shown): string => (value === undefined ? '<td>–</td>' : `<td><code>${escaped(String(value))}</code></td>`)

const differenceRow = (item: ReportItem, { class: name, rule, path, count, of, text, example }: Difference): string =>
  `<tr class="${name}" data-class="${name}"><td>${escaped(item.key)}</td><td>${name}</td><td>${escaped(rule === '' ? 'none' : rule)}</td>` +
  `<td><code>${escaped(path)}</code><br>${escaped(text)}<br><small>${escaped(example.id)}</small></td><td>${count} of ${of}</td>` +
  `${cell(example.old)}${cell(example.expected)}${cell(example.new)}</tr>`

const verdictWord = (item: ReportItem): string =>
  `<td class="${item.verdict === 'equal' || item.verdict === 'explained' ? 'ok' : 'bad'}">${item.verdict}</td>`

/** One HTML document. Values are as long as the report has them: 500 characters. */
export function htmlReport(report: ParityReport): string {
  const { result, items } = report
  const classes = [...new Set(items.flatMap(({ differences }) => differences.map((one) => one.class)))].sort()
  const filters = classes.map((name) => `<label><input type="checkbox" checked data-class="${name}"> ${name}</label>`).join('')
  const keyRows = items
    .map(
      (item) =>
        `<tr>${tableRow(item)
          .map((one) => `<td>${escaped(String(one))}</td>`)
          .join('')}${verdictWord(item)}<td>${escaped(item.why)}</td></tr>`,
    )
    .join('\n')
  const rows = items.flatMap((item) => item.differences.map((one) => differenceRow(item, one))).join('\n')
  const head = (names: readonly string[]): string => `<tr>${names.map((name) => `<th scope="col">${name}</th>`).join('')}</tr>`
  const weaker =
    report.reference === 'old'
      ? 'The old side is the reference: what neither side has is not seen.'
      : 'The books of the bridge are the reference.'
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>parity ${percent(result.parity)}</title><style>${style}</style></head><body>
<h1>Parity <span class="${result.ok ? 'ok' : 'bad'}">${percent(result.parity)}</span></h1>
<p>${result.ok ? 'As required' : 'Below what is required'} (${percent(result.require)})${result.unjudged === 0 ? '' : `, ${result.unjudged} not judged`}. ${weaker}</p>
<p>${escaped(report.tool)}, ${escaped(report.startedAt)}, mapping ${escaped(report.mappingHash)}; old ${report.cost.old.requests} requests, new ${report.cost.new.requests} requests.</p>
<h2>Keys</h2><div class="scroll"><table><thead>${head([...tableHead, 'verdict', 'why'])}</thead><tbody>
${keyRows}
</tbody></table></div>
<h2>Differences</h2><fieldset><legend>Show</legend>${filters}<label>Find <input id="find" type="search"></label></fieldset>
<div class="scroll"><table><thead>${head(['key', 'class', 'rule', 'what', 'count', 'old', 'expected', 'new'])}</thead><tbody>
${rows}
</tbody></table></div>
<script>${script}</script></body></html>
`
}
