/** Cutover: who can be cut over now, why not the others; phases and shares. */

import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import type { MirrorList, MirrorState, Readiness, ReadinessItem } from '../api.ts'
import { useAnswer, useLive } from './hooks.ts'
import { age, day, daysUntil, percent, plural } from './numbers.ts'
import {
  Card,
  Choice,
  type Column,
  Fault,
  Filter,
  LongTable,
  Mark,
  Name,
  Off,
  ReadOnly,
  RowButton,
  State,
  Tag,
  Time,
  type Tone,
  Waiting,
} from './parts.tsx'
import { SwitchDialog, type Wanted } from './switch-dialog.tsx'
import { endpointName, nextPhase, phaseBefore, phaseOrder, phaseWords } from './words.ts'

type Answer = ReadinessItem['answer']

const tones: Readonly<Record<Answer, Tone>> = { ready: 'good', 'not-yet': 'bad', 'no-data': 'none', silent: 'none' }

export function CutoverView(): JSX.Element {
  const { changes, session } = useLive()
  const mirrors = useAnswer<MirrorList>(session?.has.mirror ? '/mirror' : undefined, 10, changes)
  const verdicts = useAnswer<Readiness>(session?.has.readiness ? '/readiness' : undefined, 15, changes)
  const [wanted, setWanted] = useState<Wanted | undefined>()
  if (session?.has.mirror === false) {
    return <Off what="mirror" card="Old backends" title="No old backend is configured: everything goes to the new side alone." />
  }
  if (mirrors.fault !== undefined && mirrors.value === undefined) return <Fault fault={mirrors.fault} />
  if (mirrors.value === undefined) return <Waiting />
  return (
    <>
      <ReadOnly>Switches are disabled.</ReadOnly>
      <div class="mirrors">
        {mirrors.value.items.map((one) => (
          <Mirror key={one.endpoint} mirror={one} verdicts={verdicts.value?.items ?? []} onWant={setWanted} />
        ))}
      </div>
      {verdicts.value !== undefined && <Verdicts readiness={verdicts.value} />}
      {verdicts.fault !== undefined && verdicts.value === undefined && (
        <Card title="Verdict">
          <Fault fault={verdicts.fault} />
        </Card>
      )}
      {wanted !== undefined && (
        <SwitchDialog
          wanted={wanted}
          onClose={() => setWanted(undefined)}
          onDone={() => {
            setWanted(undefined)
            mirrors.again()
          }}
        />
      )}
    </>
  )
}

/** Where an endpoint stands, and its switches. */
function Mirror({
  mirror,
  verdicts,
  onWant,
}: {
  readonly mirror: MirrorState
  readonly verdicts: readonly ReadinessItem[]
  readonly onWant: (wanted: Wanted) => void
}): JSX.Element {
  const own = verdicts.filter((one) => one.endpoint === mirror.endpoint && one.answer !== 'silent')
  const ready = own.filter((one) => one.answer === 'ready').length
  const allReady = own.length > 0 && ready === own.length
  const [next, before] = [nextPhase(mirror.phase), phaseBefore(mirror.phase)]
  const off = !mirror.switchable
  const left = mirror.until === undefined ? undefined : daysUntil(mirror.until)
  return (
    <Card title={endpointName(mirror.endpoint)} id={mirror.endpoint} note={<Name>{mirror.url}</Name>}>
      <ol class="phases" aria-label={`Phase: ${mirror.phase}`}>
        {phaseOrder.map((phase) => (
          <li
            key={phase}
            class={phaseOrder.indexOf(phase) < phaseOrder.indexOf(mirror.phase) ? 'past' : undefined}
            aria-current={phase === mirror.phase ? 'step' : undefined}
          >
            {phase}
          </li>
        ))}
      </ol>
      <p>{phaseWords[mirror.phase].says}</p>
      <dl class="facts">
        <div>
          <dt>New side gets</dt>
          <dd>{percent(mirror.share.new)}</dd>
        </div>
        <div>
          <dt>Old side gets</dt>
          <dd>{mirror.paused ? 'nothing: paused' : percent(mirror.share.old)}</dd>
        </div>
        <div>
          <dt>Clients hear</dt>
          <dd>{mirror.answer === 'legacy' ? 'the old side' : 'the bridge'}</dd>
        </div>
        <div>
          <dt>In this phase since</dt>
          <dd>
            <Time at={mirror.since} />
          </dd>
        </div>
        {mirror.until !== undefined && left !== undefined && (
          <div>
            <dt>Time box</dt>
            <dd>{left < 8 ? <State tone={left < 0 ? 'bad' : 'warn'}>{day(mirror.until)}</State> : day(mirror.until)}</dd>
          </div>
        )}
        {own.length > 0 && (
          <div>
            <dt>Ready</dt>
            <dd>
              {allReady ? (
                <Mark tone="good">all {own.length}</Mark>
              ) : (
                <Mark tone="none">
                  {ready} of {own.length}
                </Mark>
              )}
            </dd>
          </div>
        )}
      </dl>
      <div class="switches">
        {next !== undefined && (
          <button
            type="button"
            class={allReady ? 'primary' : undefined}
            disabled={off}
            onClick={() => onWant({ kind: 'phase', mirror, phase: next, back: false })}
          >
            To {next}…
          </button>
        )}
        {before !== undefined && (
          <button type="button" disabled={off} onClick={() => onWant({ kind: 'phase', mirror, phase: before, back: true })}>
            One step back…
          </button>
        )}
        <button type="button" disabled={off} onClick={() => onWant({ kind: 'share', mirror })}>
          Shares…
        </button>
        <button type="button" disabled={off} onClick={() => onWant({ kind: 'pause', mirror, paused: !mirror.paused })}>
          {mirror.paused ? 'Resume…' : 'Pause…'}
        </button>
      </div>
    </Card>
  )
}

/** The key has a column of its own. */
const headlineOf = ({ key, headline }: ReadinessItem): string =>
  headline.startsWith(`${key}: `) ? headline.slice(key.length + 2) : headline

const order: readonly Answer[] = ['not-yet', 'no-data', 'ready', 'silent']

/** One line a key, the worst first. */
function Verdicts({ readiness }: { readonly readiness: Readiness }): JSX.Element {
  const [filter, setFilter] = useState('')
  const [only, setOnly] = useState<'all' | Answer>('all')
  const [open, setOpen] = useState<string | undefined>()
  const text = filter.toLowerCase()
  const keyOf = (one: ReadinessItem): string => `${one.endpoint} ${one.format} ${one.key} ${one.question}`
  const rows = useMemo(
    () =>
      readiness.items
        .filter(
          (one) => (only === 'all' || one.answer === only) && `${one.key} ${one.endpoint} ${one.headline}`.toLowerCase().includes(text),
        )
        .sort((a, b) => order.indexOf(a.answer) - order.indexOf(b.answer) || a.key.localeCompare(b.key, 'en')),
    [readiness, only, text],
  )
  const shown = rows.find((one) => keyOf(one) === open)
  const number = (answer: Answer): number => readiness.items.filter((one) => one.answer === answer).length
  const columns: Column<ReadinessItem>[] = [
    {
      title: 'Key',
      head: true,
      cell: (one) => (
        <RowButton aria-expanded={open === keyOf(one)} onClick={() => setOpen(open === keyOf(one) ? undefined : keyOf(one))}>
          <Name>{one.key}</Name>
        </RowButton>
      ),
    },
    { title: 'Endpoint', cell: (one) => endpointName(one.endpoint) },
    { title: 'Phase', cell: (one) => <Tag>{one.phase}</Tag> },
    {
      title: 'Verdict',
      wide: true,
      cell: (one) => (
        <>
          <Mark tone={tones[one.answer]}>
            <Name most={300}>{headlineOf(one)}</Name>
          </Mark>
          {open === keyOf(one) && <Checks item={one} />}
        </>
      ),
    },
    { title: 'Since', cell: (one) => <Time at={one.since} /> },
  ]
  return (
    <Card
      title="Verdict"
      note="the worst first; open one to see its conditions"
      actions={
        <>
          <Filter label="Filter keys" value={filter} onChange={setFilter} />
          <Choice
            label="Show"
            value={only}
            onChange={setOnly}
            options={[
              ['all', `All ${readiness.items.length}`],
              ['not-yet', `Not yet ${number('not-yet')}`],
              ['no-data', `No data ${number('no-data')}`],
              ['ready', `Ready ${number('ready')}`],
            ]}
          />
        </>
      }
    >
      {rows.length === 0 ? (
        <p class="soft">{readiness.items.length === 0 ? 'No data yet: nothing was received since the books began.' : 'Nothing matches.'}</p>
      ) : (
        <LongTable caption="Services, jobs and indices" columns={columns} rows={rows} keyOf={keyOf} />
      )}
      {shown === undefined && open !== undefined && <p class="soft">What was open is not in the list any more.</p>}
    </Card>
  )
}

const checkTones = { pass: 'good', fail: 'bad', unknown: 'none', waived: 'warn' } as const

const Checks = ({ item }: { readonly item: ReadinessItem }): JSX.Element => (
  <ul class="checks" aria-label={`Conditions of ${item.key.slice(0, 80)}`}>
    {item.checks.map((check) => (
      <li key={check.id}>
        <Mark tone={checkTones[check.state]}>
          <span class="soft">{check.id}</span> <Name most={400}>{check.text}</Name>
        </Mark>
        <span class="soft small">
          {check.state === 'waived' && 'waived '}
          {check.validUntil !== undefined && `holds for ${age(Math.max(0, (Date.parse(check.validUntil) - Date.now()) / 1000))} `}
          {check.link?.startsWith('#/') && <a href={check.link}>look</a>}
        </span>
      </li>
    ))}
    {item.checks.length === 0 && <li class="soft">{plural(0, 'condition')}</li>}
  </ul>
)
