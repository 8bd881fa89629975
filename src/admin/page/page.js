/** The live page: asks /api/status each second and shows it. Names come from senders: they are only ever set as text. */

const byId = (id) => document.getElementById(id)
const number = new Intl.NumberFormat('en-US')
const history = []
const kept = 120
/** Answers of the last seconds: rates are means over them, so that a trickle does not flicker. */
const recent = []
const recentKept = 5

const show = (value) => number.format(Math.round(value)).replaceAll(',', '\u202f')

const short = (value) => {
  for (const [size, unit] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e4, 'k'],
  ]) {
    if (value >= size) return `${(value / (unit === 'k' ? 1e3 : size)).toFixed(value / size >= 100 || unit === 'k' ? 0 : 1)}${unit}`
  }
  return show(value)
}

const bytes = (value) => {
  for (const [size, unit] of [
    [2 ** 30, 'GiB'],
    [2 ** 20, 'MiB'],
    [2 ** 10, 'KiB'],
  ]) {
    if (value >= size) return `${(value / size).toFixed(value / size >= 100 ? 0 : 1)} ${unit}`
  }
  return `${value} B`
}

const age = (ms) => {
  const seconds = Math.max(0, ms / 1000)
  if (seconds < 100) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} d`
}

const setText = (id, text) => {
  byId(id).textContent = text
}

/** Cells are a text, a number (right-aligned, zero is pale) or { text, kind }. */
function fill(id, rows) {
  const body = byId(id).tBodies[0]
  body.replaceChildren(
    ...rows.map((cells) => {
      const row = document.createElement('tr')
      for (const cell of cells) {
        const at = row.insertCell()
        const value = typeof cell === 'object' ? cell.text : cell
        at.textContent = typeof value === 'number' ? show(value) : value
        if (typeof value === 'number') at.classList.add('n')
        if (value === 0) at.classList.add('zero')
        at.classList.add(typeof cell === 'object' && cell.kind !== '' ? cell.kind : 'wrap')
      }
      return row
    }),
  )
  const none = byId(`${id}-none`)
  if (none !== null) {
    none.hidden = rows.length > 0
    byId(id).hidden = rows.length === 0
  }
}

const alarming = (value) => ({ text: value, kind: value > 0 ? 'bad' : '' })

/** Items a second of a total, over the last seconds. */
function rate(status, pick) {
  const before = recent.find((one) => one.startedMs === status.startedMs)
  if (before === undefined) return 0
  const seconds = (status.nowMs - before.nowMs) / 1000
  return seconds > 0 ? Math.max(0, (pick(status) - pick(before)) / seconds) : 0
}

function line(values, top) {
  return values
    .map((value, at) => `${at === 0 ? 'M' : 'L'}${(720 * (kept - values.length + at)) / (kept - 1)},${117 - (114 * value) / top}`)
    .join('')
}

function drawChart() {
  const top = Math.max(10, ...history.flatMap((one) => [one.in, one.out]))
  byId('chart').replaceChildren(
    ...['in', 'out'].map((side) => {
      const path = document.createElementNS('http://www.w3.org/2000/svg', 'path')
      path.setAttribute('class', side)
      path.setAttribute(
        'd',
        line(
          history.map((one) => one[side]),
          top,
        ),
      )
      return path
    }),
  )
  setText('chart-top', `top of the chart: ${short(top)} a second, means over ${recentKept} s`)
}

function showTiles(status, now) {
  const { queue, formats } = status
  setText('in', short(now.in))
  setText('out', short(now.out))
  setText('queue', short(queue.items))
  const filled = queue.maxBytes > 0 ? queue.bytes / queue.maxBytes : 0
  const oldest = queue.oldestMs === undefined ? '' : `, oldest ${age(queue.oldestMs)}`
  // Topics have no size of ours.
  setText(
    'queue-more',
    queue.type === 'kafka' ? `${bytes(queue.bytes)} read ahead${oldest}` : `${bytes(queue.bytes)} of ${bytes(queue.maxBytes)}${oldest}`,
  )
  byId('queue-bar').style.width = `${Math.min(100, Math.max(queue.bytes > 0 ? 1 : 0, filled * 100))}%`
  byId('queue-tile').classList.toggle('bad-tile', filled > 0.9 || queue.fault !== undefined)

  const { refused, dropped, dead, refusedRequests: requests } = status.totals
  const lost = refused + dropped + dead
  setText('lost', short(lost))
  byId('lost').className = `figure ${dropped + dead > 0 ? 'bad' : lost + requests > 0 ? 'warn' : 'good'}`
  setText('lost-more', lost + requests === 0 ? 'nothing' : `${short(dropped)} dropped, ${short(dead)} dead, ${short(refused)} refused`)

  const open = formats.filter((one) => one.balance !== 0)
  setText('books', open.length === 0 ? 'balance' : show(Math.max(...open.map((one) => Math.abs(one.balance)))))
  byId('books').className = `figure ${open.length === 0 ? 'good' : 'warn'}`
  setText(
    'books-more',
    open.length === 0 ? 'every item is accounted for' : `items on their way in ${[...new Set(open.map((one) => one.format))].join(', ')}`,
  )
}

function showTables(status) {
  document.querySelector('main').classList.toggle('one-destination', status.destinations.length < 2)
  document.querySelector('main').classList.toggle('nothing-held', !status.formats.some((one) => one.held > 0))
  fill(
    'formats',
    status.formats.map((one) => [
      one.format,
      { text: one.destination, kind: 'several' },
      rate(status, (at) => at.formats.find((other) => other.format === one.format && other.signal === one.signal)?.received ?? 0),
      one.received + one.carried + one.recovered,
      one.delivered,
      one.queued,
      { text: one.refused, kind: one.refused > 0 ? 'warn' : '' },
      alarming(one.dropped),
      alarming(one.dead),
      one.consumed,
      { text: one.held, kind: 'holding' },
      { text: one.elsewhere, kind: 'several' },
      { text: one.refusedRequests, kind: one.refusedRequests > 0 ? 'warn' : '' },
      one.balance === 0 ? { text: 'balance', kind: 'good' } : { text: `${show(one.balance)} open`, kind: 'warn' },
    ]),
  )
  fill(
    'destinations',
    status.destinations.map((one) => [
      one.name,
      `${one.endpoint} (${one.protocol})`,
      one.fault === undefined ? { text: 'well', kind: 'good' } : { text: one.fault, kind: 'bad' },
      one.queue?.items ?? 0,
      one.queue?.oldestMs === undefined ? '' : age(one.queue.oldestMs),
      one.delivered,
      alarming(one.rejected),
      one.retries,
      Object.entries(one.requests)
        .map(([outcome, count]) => `${show(count)} ${outcome}`)
        .join(', '),
    ]),
  )
  const { losses } = status
  const of = (what, list) =>
    list.map((one) => [what, one.reason, one.format, { text: one.destination ?? 'all', kind: 'several' }, one.value])
  fill('losses', [
    ...of('items dropped', losses.dropped),
    ...of('items dead', losses.dead),
    ...of('items refused', losses.refused),
    ...of('requests refused', losses.refusedRequests),
  ])
  fill(
    'notes',
    losses.notes.map((one) => [one.reason, one.format, one.value]),
  )
  fill(
    'clients',
    status.clients.map((one) => [one.service, one.format, one.items]),
  )
  byId('clients').closest('section').hidden = status.clients.length === 0
  const workers = status.workers ?? []
  fill(
    'workers',
    workers.map((one) => [
      `worker ${one.worker}`,
      { text: one.state, kind: one.state === 'running' ? 'good' : 'bad' },
      one.itemsPerSecond,
      age(status.nowMs - one.sinceMs),
      { text: one.restarts, kind: one.restarts > 0 ? 'warn' : '' },
      bytes(one.memoryBytes),
      one.pid === undefined ? '' : `pid ${one.pid}`,
    ]),
  )
  byId('workers').closest('section').hidden = workers.length === 0
  fill(
    'listeners',
    status.listeners.map((one) => [one.section, one.addresses.join('  ')]),
  )
}

function showHead(status) {
  const state = byId('state')
  state.textContent = status.ready ? 'ready' : 'not ready'
  state.className = `state ${status.ready ? 'good' : 'bad'}`
  document.title = status.ready ? 'otlp-bridge' : '✗ otlp-bridge'
  setText(
    'about',
    `${status.version}, up ${age(status.nowMs - status.startedMs)}, ${bytes(status.memoryBytes)} memory, ${status.queue.type} queue (${status.queue.ack})`,
  )
  for (const id of ['reasons', 'warnings']) {
    const list = byId(id)
    list.hidden = status[id].length === 0
    list.replaceChildren(
      ...status[id].map((one) => {
        const item = document.createElement('li')
        item.textContent = `${one.part}: ${one.reason}`
        return item
      }),
    )
  }
}

async function refresh() {
  try {
    const status = await (await fetch('api/status', { signal: AbortSignal.timeout(5000) })).json()
    const now = { in: rate(status, (one) => one.totals.received), out: rate(status, (one) => one.totals.delivered) }
    if (recent.length > 0) history.push(now)
    if (history.length > kept) history.shift()
    showHead(status)
    showTiles(status, now)
    showTables(status)
    drawChart()
    recent.push(status)
    if (recent.length > recentKept) recent.shift()
    document.querySelector('main').classList.remove('stale')
  } catch {
    const state = byId('state')
    state.textContent = 'no answer'
    state.className = 'state bad'
    document.querySelector('main').classList.add('stale')
  }
  setTimeout(refresh, 1000)
}

refresh()
