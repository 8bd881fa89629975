/** Back-fills beside this bridge: how far each is, how fast, and what went wrong. Nothing can be changed here. */

import type { JSX } from 'preact'
import type { BackfillList, BackfillRun } from '../api.ts'
import { useAnswer, useLive } from './hooks.ts'
import { count, percent, plural, short } from './numbers.ts'
import { Card, type Column, Empty, Fault, Name, Off, State, Table, Tag, Time, type Tone, Waiting } from './parts.tsx'

const tones: Readonly<Record<BackfillRun['state'], Tone>> = { running: 'good', complete: 'good', stopped: 'warn', losses: 'bad' }
const words: Readonly<Record<BackfillRun['state'], string>> = {
  running: 'running',
  complete: 'complete',
  stopped: 'stopped; the same command goes on',
  losses: 'done, with losses',
}

/** States of slices, as they follow each other. */
const states: readonly (readonly [state: string, word: string])[] = [
  ['pending', 'waiting'],
  ['running', 'running'],
  ['done', 'done'],
  ['verified', 'verified'],
  ['done_with_losses', 'done with losses'],
  ['failed', 'failed'],
  ['mismatch', 'do not match'],
]

export function BackfillView(): JSX.Element {
  const { session } = useLive()
  const { value, fault } = useAnswer<BackfillList>(session?.has.backfill ? '/backfill' : undefined, 5)
  if (session?.has.backfill === false) return <Off what="backfill" card="Back-fill" title="No back-fill runs beside this bridge." />
  if (fault !== undefined && value === undefined) return <Fault fault={fault} />
  if (value === undefined) return <Waiting />
  return (
    <>
      {value.faults.map((one) => (
        <p key={one} class="notice bad">
          <State tone="bad">{one}</State>
        </p>
      ))}
      {value.items.map((one) => (
        <Run key={one.run} one={one} />
      ))}
    </>
  )
}

type Trouble = BackfillRun['trouble'][number]

const troubles: Column<Trouble>[] = [
  { title: 'Part', head: true, cell: (one) => <Name>{one.group}</Name> },
  { title: 'Why', cell: (one) => <Tag>{one.reason}</Tag> },
  { title: 'What was said', wide: true, cell: (one) => <Name most={300}>{one.text}</Name> },
]

const Pair = ({ name, children }: { readonly name: string; readonly children: string | JSX.Element }): JSX.Element => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)

function Run({ one }: { readonly one: BackfillRun }): JSX.Element {
  const { source, slices } = one
  const lost = one.rejected + one.dead
  const ofAll = one.planned > 0 ? ` of ${short(one.planned)}` : ''
  const parts = states.flatMap(([state, word]) => ((slices[state] ?? 0) > 0 ? `${count(slices[state] ?? 0)} ${word}` : []))
  return (
    <Card title={`${source.kind}: ${percent(Math.floor(one.part * 1000) / 1000)}`} note={`run ${one.run}`}>
      <p>
        <State tone={tones[one.state]}>{words[one.state]}</State>
      </p>
      <progress class="whole" aria-label={`${source.kind}, part that is done`} max={1} value={one.part} />
      <dl class="pairs">
        <Pair name="From">
          <Name>{source.name}</Name>
        </Pair>
        <Pair name="To">
          <Name>{one.destination}</Name>
        </Pair>
        <Pair name="Begun">
          <Time at={one.created} />
        </Pair>
        {one.cutover !== undefined && (
          <Pair name="Up to the cutover">
            <Time at={one.cutover} />
          </Pair>
        )}
        {one.reached !== undefined && (
          <Pair name="Reached">
            <Time at={one.reached} />
          </Pair>
        )}
        <Pair name="Read">{`${short(one.read)}${ofAll} ${source.unit}s`}</Pair>
        <Pair name="Acknowledged">{count(one.acknowledged)}</Pair>
        {one.perSecond !== undefined && <Pair name="Rate">{`${count(one.perSecond)}/s`}</Pair>}
        <Pair name="Slices">{parts.length === 0 ? 'none' : parts.join(' · ')}</Pair>
        {one.skipped > 0 && <Pair name="Left out">{count(one.skipped)}</Pair>}
        {one.resent > 0 && <Pair name="Sent again">{count(one.resent)}</Pair>}
        <Pair name="Lost">
          <State tone={lost > 0 ? 'bad' : 'good'}>
            {lost > 0 ? `${plural(one.rejected, 'item')} refused, ${count(one.dead)} set aside` : 'nothing'}
          </State>
        </Pair>
      </dl>
      {one.trouble.length > 0 && <Table caption="Slices that failed" rows={one.trouble} columns={troubles} keyOf={(row) => row.slice} />}
      {one.state === 'losses' && one.trouble.length === 0 && (
        <Empty title="What was lost is in the report.">
          <p>otlp-bridge backfill report --run {one.run.slice(0, 4)}</p>
        </Empty>
      )}
    </Card>
  )
}
