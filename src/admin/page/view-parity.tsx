/** Parity: is the same on both sides; which minutes differ and why. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { LiveMinute, ParityLive, ParityRun, ParityRunDetail, ParityRuns } from '../api.ts'
import { useAnswer, useLive } from './hooks.ts'
import { count, percent } from './numbers.ts'
import {
  Card,
  Choice,
  Code,
  type Column,
  Empty,
  Fault,
  LongTable,
  Mark,
  Name,
  Off,
  RowButton,
  State,
  Table,
  Time,
  type Tone,
  Waiting,
} from './parts.tsx'
import { endpointName } from './words.ts'

type Verdict = LiveMinute['verdict']

const tones: Readonly<Record<Verdict, Tone>> = { equal: 'good', explained: 'good', short: 'bad', open: 'none', unknown: 'none' }
const words: Readonly<Record<Verdict, string>> = {
  equal: 'equal',
  explained: 'explained',
  short: 'short',
  open: 'not closed yet',
  unknown: 'unknown',
}

export function ParityView(): JSX.Element {
  const { minutes, parity, session } = useLive()
  const live = useAnswer<ParityLive>(session?.has.parity ? '/parity/live' : undefined, 20, minutes)
  const runs = useAnswer<ParityRuns>(session?.has.parity ? '/parity/runs' : undefined, 30, parity)
  if (session?.has.parity === false) return <Off what="parity" card="Parity" title="Parity compares two sides, and there is one." />
  if (live.fault !== undefined && live.value === undefined) return <Fault fault={live.fault} />
  return (
    <>
      <Card title="As sent" note="out of the books: what was accepted against what each side confirmed, minute by minute">
        {live.value === undefined ? <Waiting /> : <LiveParity live={live.value} />}
      </Card>
      <Card title="As stored" note="runs of otlp-bridge parity, which asks both backends">
        {runs.value === undefined ? (
          runs.fault !== undefined ? (
            <Fault fault={runs.fault} />
          ) : (
            <Waiting />
          )
        ) : (
          <Runs runs={runs.value.items} />
        )}
      </Card>
    </>
  )
}

type Summary = ParityLive['summary'][number]

function sentence(one: Summary): JSX.Element {
  if (one.short > 0) return <Mark tone="bad">{count(one.short)} minutes short</Mark>
  if (one.equal + one.explained === 0) return <Mark tone="none">no data yet</Mark>
  const rest = one.unknown > 0 ? `, ${count(one.unknown)} unknown` : ''
  return (
    <Mark tone={one.unknown > 0 ? 'none' : 'good'}>
      {count(one.equal + one.explained)} of {count(one.minutes - one.open)} closed minutes equal or explained{rest}
    </Mark>
  )
}

function LiveParity({ live }: { readonly live: ParityLive }): JSX.Element {
  const [only, setOnly] = useState<'differ' | 'all'>('differ')
  const different = live.minutes.filter((one) => one.verdict === 'short' || one.verdict === 'explained' || one.verdict === 'unknown')
  const rows = only === 'all' ? live.minutes : different
  const columns: Column<LiveMinute>[] = [
    { title: 'Minute', head: true, cell: (one) => <Time at={one.at} minutes /> },
    { title: 'Endpoint', cell: (one) => endpointName(one.endpoint) },
    { title: 'Key', cell: (one) => <Name>{one.key}</Name> },
    { title: 'Received', number: true, cell: (one) => count(one.received) },
    { title: 'Old side', number: true, cell: (one) => `${count(one.old.delivered)} of ${count(one.old.expected)}` },
    { title: 'New side', number: true, cell: (one) => `${count(one.new.delivered)} of ${count(one.new.expected)}` },
    {
      title: 'Verdict',
      wide: true,
      cell: (one) => (
        <Mark tone={tones[one.verdict]}>
          {words[one.verdict]}
          {one.text !== '' && (
            <span class="soft">
              {' '}
              <Name most={300}>{one.text}</Name>
            </span>
          )}
        </Mark>
      ),
    },
  ]
  if (live.summary.length === 0) return <Empty title="No minute is closed yet." />
  return (
    <>
      <Table
        caption="By endpoint"
        rows={live.summary}
        keyOf={(one) => one.endpoint}
        columns={[
          { title: 'Endpoint', head: true, cell: (one) => endpointName(one.endpoint) },
          { title: 'Result', wide: true, cell: sentence },
          { title: 'Equal', number: true, cell: (one) => count(one.equal) },
          { title: 'Explained', number: true, cell: (one) => count(one.explained) },
          { title: 'Short', number: true, cell: (one) => count(one.short) },
          { title: 'Unknown', number: true, cell: (one) => count(one.unknown) },
        ]}
      />
      <div class="between">
        <h3>Minutes</h3>
        <Choice
          label="Minutes"
          value={only}
          onChange={setOnly}
          options={[
            ['differ', `Not equal ${different.length}`],
            ['all', 'All'],
          ]}
        />
      </div>
      {rows.length === 0 ? (
        <p>
          <State tone="good">No closed minute differs.</State>
        </p>
      ) : (
        <LongTable
          caption={only === 'all' ? 'Minutes, latest first' : 'Minutes that are not equal'}
          columns={columns}
          rows={rows}
          keyOf={(one) => `${one.at} ${one.endpoint} ${one.format} ${one.key}`}
        />
      )}
    </>
  )
}

const runTones: Readonly<Record<ParityRun['result'], Tone>> = { equal: 'good', explained: 'good', different: 'bad', failed: 'warn' }

function Runs({ runs }: { readonly runs: readonly ParityRun[] }): JSX.Element {
  const [open, setOpen] = useState<string | undefined>()
  if (runs.length === 0) {
    return (
      <Empty title="No run yet.">
        <p>Ask both backends what they have of the last hour:</p>
        <Code label="command">otlp-bridge parity --since 1h</Code>
      </Empty>
    )
  }
  return (
    <>
      <Table
        caption="Runs, latest first"
        rows={runs}
        keyOf={(one) => one.id}
        columns={[
          {
            title: 'Run',
            head: true,
            cell: (one) => (
              <RowButton aria-expanded={open === one.id} onClick={() => setOpen(open === one.id ? undefined : one.id)}>
                <Time at={one.at} />
              </RowButton>
            ),
          },
          { title: 'Format', cell: (one) => one.format },
          {
            title: 'Window',
            cell: (one) => (
              <>
                <Time at={one.from} minutes /> – <Time at={one.to} minutes />
              </>
            ),
          },
          { title: 'Same', number: true, cell: (one) => (one.percent === null ? '–' : percent(one.percent / 100)) },
          { title: 'Compared', number: true, cell: (one) => count(one.compared) },
          { title: 'Missing', number: true, cell: (one) => count(one.missing) },
          {
            title: 'Result',
            wide: true,
            cell: (one) => (
              <Mark tone={runTones[one.result]}>
                <Name most={300}>{one.text}</Name>
              </Mark>
            ),
          },
        ]}
      />
      {open !== undefined && <RunDetail id={open} />}
    </>
  )
}

function RunDetail({ id }: { readonly id: string }): JSX.Element {
  const { value, fault } = useAnswer<ParityRunDetail>(`/parity/runs/${encodeURIComponent(id)}`)
  if (fault !== undefined) return <Fault fault={fault} off="This run is not kept any more." />
  if (value === undefined) return <Waiting />
  return <Code label="report">{JSON.stringify(value.report, null, 2).slice(0, 200_000)}</Code>
}
