/** Now: is everything all right; what comes in, what goes out. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { ApiReason, BooksRow, EndpointStatus, Overview, Series, SeriesMetric, SeriesRange, SideStatus } from '../api.ts'
import { Chart, type Line, Spark } from './chart.tsx'
import { useAnswer, useLive } from './hooks.ts'
import { Arrow } from './icons.tsx'
import { age, bytes, count, plural } from './numbers.ts'
import { Card, Choice, Code, Empty, Fault, Mark, Name, Select, State, Table, Tag, Time, type Tone } from './parts.tsx'
import { query } from './request.ts'
import { endpointName, tryIt } from './words.ts'

export function NowView(): JSX.Element {
  const { overview } = useLive()
  if (overview === undefined) return <p class="soft">Connecting…</p>
  const active = overview.endpoints.filter(isActive)
  const idle = overview.endpoints.filter((one) => !isActive(one))
  const nothing = overview.endpoints.every((one) => one.received === 0 && one.new.queueItems === 0)
  const mirrored = active.some((one) => one.old !== undefined)
  return (
    <>
      <Reasons health={overview.health} />
      {nothing && <Nothing endpoints={overview.endpoints} />}
      {active.length > 0 && (
        <>
          {!nothing && <Throughput endpoints={active} />}
          <Card title="Flow" note="per minute, over the last minute">
            <ul class="flow">
              {active.map((one) => (
                <Endpoint key={one.id} endpoint={one} mirrored={mirrored} />
              ))}
            </ul>
          </Card>
          {overview.books.rows.length > 0 && <Books overview={overview} />}
          {idle.length > 0 && !nothing && <Idle endpoints={idle} />}
        </>
      )}
    </>
  )
}

const isActive = (one: EndpointStatus): boolean => one.received > 0 || one.mirror !== undefined || one.new.queueItems > 0

/** What somebody has to look at. */
function Reasons({ health }: { readonly health: Overview['health'] }): JSX.Element | null {
  if (health.reasons.length === 0) return null
  return (
    <section class={`notice ${health.state === 'broken' ? 'bad' : 'warn'}`} aria-labelledby="needs-you">
      <h2 id="needs-you">Needs you</h2>
      <ReasonList reasons={health.reasons} />
    </section>
  )
}

export const ReasonList = ({ reasons }: { readonly reasons: readonly ApiReason[] }): JSX.Element => (
  <ul class="reasons">
    {reasons.map((one) => (
      <li key={`${one.code} ${one.text}`}>
        <State tone={one.state === 'broken' ? 'bad' : 'warn'}>
          <Name most={400}>{one.text}</Name>
        </State>
        <span class="soft">
          {one.since !== undefined && (
            <>
              since <Time at={one.since} />
            </>
          )}
          {one.link !== undefined && one.link !== '#/' && (
            <>
              {' · '}
              <a href={one.link}>look</a>
            </>
          )}
        </span>
      </li>
    ))}
  </ul>
)

const useSeries = (endpoint: string | undefined, metric: SeriesMetric, range: SeriesRange, wanted = true) =>
  useAnswer<Series>(wanted ? `/series${query({ endpoint, metric, range })}` : undefined, 60)

const youngSeconds = 3 * 3600

/** What came in and went out, together or of one endpoint. */
function Throughput({ endpoints }: { readonly endpoints: readonly EndpointStatus[] }): JSX.Element {
  const { session, overview } = useLive()
  // Of a bridge that has just begun a day is an empty picture.
  const [range, setRange] = useState<SeriesRange>((overview?.uptimeSeconds ?? 0) < youngSeconds ? '1h' : '24h')
  const [endpoint, setEndpoint] = useState('')
  const mirrored = endpoints.some((one) => one.old !== undefined && (endpoint === '' || one.id === endpoint))
  const at = endpoint === '' ? undefined : endpoint
  const [into, old, fresh] = [useSeries(at, 'in', range), useSeries(at, 'old', range, mirrored), useSeries(at, 'new', range)]
  const lines: Line[] = [
    { name: 'In', kind: 'in', series: into.value },
    ...(mirrored ? [{ name: 'Old side', kind: 'old' as const, series: old.value }] : []),
    { name: 'New side', kind: 'new', series: fresh.value },
  ]
  const ranges: (readonly [SeriesRange, string])[] = [
    ['1h', '1 hour'],
    ['24h', '24 hours'],
    ...(session?.has.history ? [['35d', '35 days'] as const] : []),
  ]
  return (
    <Card
      title="Items a minute"
      actions={
        <>
          <Select
            label="Endpoint"
            value={endpoint}
            onChange={setEndpoint}
            options={[['', 'All endpoints'], ...endpoints.map((one) => [one.id, endpointName(one.id)] as const)]}
          />
          <Choice label="Range" value={range} options={ranges} onChange={setRange} />
        </>
      }
    >
      {into.fault !== undefined && into.value === undefined ? (
        <Fault fault={into.fault} off="No history here." />
      ) : (
        <Chart lines={lines} unit="items" label="Items a minute over time" />
      )}
    </Card>
  )
}

function Endpoint({ endpoint, mirrored }: { readonly endpoint: EndpointStatus; readonly mirrored: boolean }): JSX.Element {
  const day = useSeries(endpoint.id, 'in', '24h')
  const name = endpointName(endpoint.id)
  return (
    <li class="endpoint">
      <div class="endpoint-name">
        <h3>{name}</h3>
        <p class="soft small">
          <Name>{endpoint.listening.split(', ')[0] ?? ''}</Name>
        </p>
        {endpoint.phase !== undefined && (
          <p class="tags">
            <Tag>{endpoint.phase}</Tag>
            <span class="soft small">{endpoint.answer === 'legacy' ? 'old side answers' : 'bridge answers'}</span>
          </p>
        )}
      </div>
      <div class="endpoint-in">
        <p class="figure">
          {count(endpoint.inPerMinute)} <span class="unit">{endpoint.unit}</span>
        </p>
        <p class="soft small">
          {bytes(endpoint.bytesPerMinute)}
          {endpoint.clients !== null && endpoint.clients > 0 && ` · ${plural(endpoint.clients, 'client')}`}
        </p>
        <Spark series={day.value} label={`${name}: what came in over the last 24 hours`} />
      </div>
      <Arrow />
      <div class="endpoint-sides">
        {endpoint.old !== undefined && <Side title="Old side" side={endpoint.old} unit={endpoint.unit} />}
        {endpoint.old === undefined && mirrored && <p class="side soft">No old side.</p>}
        <Side title="New side" side={endpoint.new} unit={endpoint.unit} />
      </div>
    </li>
  )
}

const sideTone: Readonly<Record<SideStatus['state'], Tone>> = { up: 'good', slow: 'warn', down: 'bad', off: 'none' }

function Side({ title, side, unit }: { readonly title: string; readonly side: SideStatus; readonly unit: string }): JSX.Element {
  const waiting = side.queueItems > 0
  return (
    <div class="side">
      <h4>
        <State tone={sideTone[side.state]}>
          {title} <span class="side-state">{side.state}</span>
        </State>
      </h4>
      <p>
        <b>{count(side.deliveredPerMinute)}</b> {side.acknowledges ? 'delivered' : 'sent (no answer in this protocol)'}
      </p>
      <p class={waiting ? '' : 'soft'}>
        {waiting ? `${count(side.queueItems)} waiting` : 'nothing waiting'}
        {side.oldestAgeSeconds !== null && ` · ${age(side.oldestAgeSeconds)} behind`}
      </p>
      {side.timeToFullSeconds !== null && <p class="warn-text">{age(side.timeToFullSeconds)} until the queue is full</p>}
      {side.deadItems > 0 && (
        <p>
          <a href="#/dead">
            {count(side.deadItems)} {unit} set aside
          </a>
        </p>
      )}
      {side.lastError !== undefined && side.state !== 'up' && (
        <p class="fault">
          <Name most={240}>{side.lastError.text}</Name>
          {side.breaker === 'open' && '; tried again by itself'}
        </p>
      )}
    </div>
  )
}

const total = (rows: readonly BooksRow[], field: keyof BooksRow): number =>
  rows.reduce((sum, row) => sum + (typeof row[field] === 'number' ? row[field] : 0), 0)

/** The law of the books in a line, and its terms in a table. */
function Books({ overview }: { readonly overview: Overview }): JSX.Element {
  const { rows, balanced } = overview.books
  const sides = (['old', 'new'] as const).map((side) => [side, rows.filter((row) => row.side === side)] as const)
  const open = rows.reduce((sum, row) => sum + Math.abs(row.open), 0)
  return (
    <Card
      title="Books"
      note={balanced ? <Mark tone="good">every item is accounted for</Mark> : <Mark tone="none">{count(open)} on their way</Mark>}
    >
      {sides.map(([side, own]) =>
        own.length === 0 ? null : (
          <p key={side} class="law">
            <span class="law-side">{side === 'old' ? 'Old side' : 'New side'}</span>
            received <b>{count(total(own, 'received'))}</b> = delivered <b>{count(total(own, 'delivered'))}</b> + waiting{' '}
            <b>{count(total(own, 'queued'))}</b> + set aside <b>{count(total(own, 'dead'))}</b> + refused{' '}
            <b>{count(total(own, 'refused'))}</b> + shed <b>{count(total(own, 'shed'))}</b> + left out <b>{count(total(own, 'skipped'))}</b>
          </p>
        ),
      )}
      <details>
        <summary>By format</summary>
        <Table
          caption="Items since the start, by format and side"
          rows={rows}
          keyOf={(row) => `${row.format} ${row.side} ${row.received} ${row.delivered}`}
          columns={[
            { title: 'Format', head: true, cell: (row) => row.format },
            { title: 'Side', cell: (row) => row.side },
            ...(['received', 'delivered', 'queued', 'dead', 'refused', 'shed', 'skipped', 'open'] as const).map((field) => ({
              title: fieldTitles[field],
              number: true,
              cell: (row: BooksRow) => count(row[field]),
            })),
          ]}
        />
      </details>
    </Card>
  )
}

const fieldTitles = {
  received: 'Received',
  delivered: 'Delivered',
  queued: 'Waiting',
  dead: 'Set aside',
  refused: 'Refused',
  shed: 'Shed',
  skipped: 'Left out',
  open: 'On the way',
} as const

const Idle = ({ endpoints }: { readonly endpoints: readonly EndpointStatus[] }): JSX.Element => (
  <Card title="Listening" note="nothing received yet">
    <ul class="idle">
      {endpoints.map((one) => (
        <li key={one.id}>
          <b>{endpointName(one.id)}</b> <span class="soft">{one.listening.split(', ')[0]}</span>
        </li>
      ))}
    </ul>
  </Card>
)

const Nothing = ({ endpoints }: { readonly endpoints: readonly EndpointStatus[] }): JSX.Element => (
  <Card title="Nothing received yet">
    <Empty title="Send one item:">
      {endpoints.map((one) => {
        const code = tryIt(one.id, one.listening)
        return (
          <div key={one.id} class="try">
            <h3>
              {endpointName(one.id)} <span class="soft small">{one.listening}</span>
            </h3>
            {code !== undefined && <Code label={`for ${endpointName(one.id)}`}>{code}</Code>}
          </div>
        )
      })}
    </Empty>
  </Card>
)
