/** Style and script of the page: nothing is loaded from anywhere. */

export const style = `
:root { color-scheme: light dark; --fg: #1b1f24; --bg: #ffffff; --soft: #f4f6f8; --line: #c9d1d9; --quiet: #57606a; --link: #0a58ca;
  --old: #ffd9d5; --new: #c9f2d4; --unchanged: #57606a; --exact: #116329; --approximate: #7a4a00; --manual: #953800; --unsupported: #a40e26; }
@media (prefers-color-scheme: dark) { :root { --fg: #e6edf3; --bg: #0d1117; --soft: #161b22; --line: #3d444d; --quiet: #a5aeb8; --link: #79b8ff;
  --old: #67201d; --new: #0f4d27; --unchanged: #a5aeb8; --exact: #56d364; --approximate: #e3b341; --manual: #f0883e; --unsupported: #ff7b72; } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem 1.5rem 4rem; max-width: 110rem; font: 15px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg) }
a { color: var(--link) }
h1 { font-size: 1.6rem } h2 { font-size: 1.25rem; margin-top: 2.2rem } h3 { font-size: 1.05rem; margin: 0 }
p.quiet, .quiet { color: var(--quiet) }
table { border-collapse: collapse; margin: .5rem 0; max-width: 100% }
th, td { text-align: left; padding: .25rem .7rem; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal }
fieldset { border: 1px solid var(--line); border-radius: 6px; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; position: sticky; top: 0; background: var(--bg); z-index: 1 }
details.source { border: 1px solid var(--line); border-radius: 6px; margin: .7rem 0; padding: .5rem 1rem }
summary { cursor: pointer; overflow-wrap: anywhere }
summary h3 { display: inline }
article { border-top: 1px solid var(--line); margin-top: .8rem; padding-top: .6rem }
article h4 { margin: 0; font-size: 1rem; overflow-wrap: anywhere }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: .8rem } @media (max-width: 60rem) { .sides { grid-template-columns: 1fr } }
.sides h5 { margin: .3rem 0; font-size: .85rem; color: var(--quiet); font-weight: 600 }
pre { margin: 0; padding: .6rem; background: var(--soft); border-radius: 6px; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.45 ui-monospace, monospace }
del { background: var(--old); text-decoration: none } ins { background: var(--new); text-decoration: none }
.status { font-weight: 650 }
.status.unchanged { color: var(--unchanged) } .status.exact { color: var(--exact) } .status.approximate { color: var(--approximate) }
.status.manual { color: var(--manual) } .status.unsupported { color: var(--unsupported) }
ul.notes { margin: .4rem 0; padding-left: 1.2rem }
[hidden] { display: none }
`

/** Shows and hides by status. Without scripts everything is there. */
export const script = `
const boxes = [...document.querySelectorAll('fieldset input[name=status]')]
const changed = document.querySelector('fieldset input[name=changed]')
const said = document.getElementById('shown')
function filter() {
  const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value))
  let count = 0
  for (const one of document.querySelectorAll('article')) {
    one.hidden = !wanted.has(one.dataset.status) || (changed.checked && one.dataset.changed === 'no')
    if (!one.hidden) count++
  }
  for (const one of document.querySelectorAll('details.source'))
    one.hidden = one.querySelector('article') !== null && one.querySelector('article:not([hidden])') === null
  said.textContent = count + ' shown'
}
document.querySelector('fieldset').hidden = false
document.querySelector('fieldset').addEventListener('change', filter)
filter()
`
