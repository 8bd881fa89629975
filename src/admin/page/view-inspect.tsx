/** Look inside: what became of a request. */

import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { InspectDetail, InspectItem, InspectList } from '../api.ts'
import { go, useAnswer, useLive, usePlace } from './hooks.ts'
import { bytes, count } from './numbers.ts'
import { Card, type Column, Empty, Fault, Mark, Name, Off, Select, Table, Tag, Time, type Tone, Waiting } from './parts.tsx'
import { query } from './request.ts'
import { endpointName } from './words.ts'

const tones: Readonly<Record<InspectItem['outcome'], Tone>> = { taken: 'good', partly: 'warn', refused: 'bad' }

export function InspectView(): JSX.Element {
  const { parameters } = usePlace()
  const id = parameters.get('id') ?? undefined
  const [endpoint, setEndpoint] = useState(parameters.get('endpoint') ?? '')
  const { session } = useLive()
  const { value, fault } = useAnswer<InspectList>(session?.has.inspect ? `/inspect${query({ endpoint })}` : undefined, 5)
  if (session?.has.inspect === false) return <Off what="inspect" card="Requests" title="Looking inside is off." />
  if (fault !== undefined && value === undefined) return <Fault fault={fault} />
  const columns: Column<InspectItem>[] = [
    {
      title: 'Received',
      head: true,
      cell: (one) => (
        <a href={`#/inspect?id=${encodeURIComponent(one.id)}`} data-row aria-current={one.id === id ? 'true' : undefined}>
          <Time at={one.at} />
        </a>
      ),
    },
    {
      title: 'Endpoint',
      cell: (one) => (
        <>
          {endpointName(one.endpoint)} <Tag>{one.format}</Tag>
        </>
      ),
    },
    { title: 'Request', cell: (one) => <Name most={80}>{one.request === '' ? 'datagram' : one.request}</Name> },
    { title: 'From', cell: (one) => <Name>{one.client}</Name> },
    { title: 'Items', number: true, cell: (one) => count(one.items) },
    { title: 'Size', number: true, cell: (one) => bytes(one.bytes) },
    {
      title: 'Outcome',
      wide: true,
      cell: (one) => (
        <Mark tone={tones[one.outcome]}>
          {one.outcome}
          {one.text !== undefined && (
            <span class="soft">
              {' '}
              <Name most={160}>{one.text}</Name>
            </span>
          )}
        </Mark>
      ),
    },
  ]
  return (
    <>
      {id !== undefined && <Detail key={id} id={id} />}
      <Card
        title="Requests"
        note={
          value === undefined
            ? undefined
            : `a few of each endpoint, in memory only${value.mode === 'masked' ? '; values are masked (admin.inspect)' : ''}`
        }
        actions={
          <Select
            label="Endpoint"
            value={endpoint}
            onChange={setEndpoint}
            options={[['', 'All endpoints'], ...(value?.endpoints ?? []).map((one) => [one, endpointName(one)] as const)]}
          />
        }
      >
        {value === undefined ? (
          <Waiting />
        ) : value.items.length === 0 ? (
          <Empty title="Nothing was received yet." />
        ) : (
          <Table caption="The latest requests" rows={value.items} columns={columns} keyOf={(one) => one.id} />
        )}
      </Card>
    </>
  )
}

function Detail({ id }: { readonly id: string }): JSX.Element {
  const { value, fault } = useAnswer<InspectDetail>(`/inspect/${encodeURIComponent(id)}`)
  const close = (
    <button type="button" data-close onClick={() => go('/inspect')}>
      Close
    </button>
  )
  if (fault !== undefined) {
    return (
      <Card title="Request" actions={close}>
        <Fault fault={fault} off="This request is not kept any more." />
      </Card>
    )
  }
  if (value === undefined) return <Waiting />
  const { legacy, otlp, rules, lost } = value
  return (
    <Card
      title="Request"
      note={
        <>
          {endpointName(value.endpoint)}, <Time at={value.at} />: {count(value.items)} items, {bytes(value.bytes)}
        </>
      }
      actions={close}
    >
      {value.text !== undefined && (
        <p>
          <Mark tone={tones[value.outcome]}>
            <Name most={400}>{value.text}</Name>
          </Mark>
        </p>
      )}
      <div class="columns">
        <div>
          <h3>
            As it came <Tag>{legacy.media || value.format}</Tag>
          </h3>
          <Pane label="As it came">{legacy.text !== undefined ? pretty(legacy.text, legacy.truncated) : hexLines(legacy.hex ?? '')}</Pane>
          {legacy.truncated && <p class="soft small">Cut: more was received than is kept.</p>}
        </div>
        <div>
          <h3>
            As it went out <Tag>OTLP {value.signal}</Tag>
          </h3>
          <Pane label="As it went out">{otlp === null || otlp === undefined ? 'Nothing came of it.' : JSON.stringify(otlp, null, 2)}</Pane>
        </div>
      </div>
      {legacy.headers.length > 0 && (
        <details>
          <summary>Headers</summary>
          <dl class="pairs">
            {legacy.headers.map(([name, text], at) => (
              <div key={at}>
                <dt>{name}</dt>
                <dd>
                  <Name most={400}>{text}</Name>
                </dd>
              </div>
            ))}
          </dl>
        </details>
      )}
      {lost.length > 0 && (
        <>
          <h3>Lost on the way</h3>
          <Table
            caption="Fields that have no place in OTLP"
            rows={lost}
            keyOf={(one) => one.path}
            columns={[
              { title: 'Field', head: true, cell: (one) => <Name>{one.path}</Name> },
              { title: 'Why', wide: true, cell: (one) => one.why },
            ]}
          />
        </>
      )}
      {rules.length > 0 && (
        <details open={rules.length < 40}>
          <summary>{count(rules.length)} fields, and the rule that made each</summary>
          <Table
            caption="What came of what"
            rows={rules}
            keyOf={(one) => one.path}
            columns={[
              { title: 'OTLP field', head: true, cell: (one) => <Name most={200}>{one.path.replace(/^resourceSpans\[0\]\./, '')}</Name> },
              { title: 'From', cell: (one) => <Name most={200}>{one.from === '' ? '–' : one.from}</Name> },
              { title: 'Rule', cell: (one) => <Tag>{one.rule}</Tag> },
              { title: 'What it says', wide: true, cell: (one) => <span class="small">{one.note}</span> },
            ]}
          />
        </details>
      )}
    </Card>
  )
}

const Pane = ({ label, children }: { readonly label: string; readonly children: string }): JSX.Element => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled with the keyboard
  <section class="pane" tabIndex={0} aria-label={label}>
    <pre>{children}</pre>
  </section>
)

/** JSON on several lines; a text that is none stays as it is. */
function pretty(text: string, truncated: boolean): string {
  if (truncated) return text
  try {
    JSON.parse(text)
    return indented(text)
  } catch {
    return text
  }
}

/** Sets the breaks of lines alone: numbers beyond 2^53 and doubled names stay as they came. */
function indented(json: string): string {
  let out = ''
  let depth = 0
  const line = (): string => `\n${'  '.repeat(Math.min(depth, 40))}`
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|\[\s*\]|\{\s*\}|[[\]{},:]|[^\s"[\]{},:]+/g)) {
    if (token === '{' || token === '[') {
      depth++
      out += token + line()
    } else if (token === '}' || token === ']') {
      depth--
      out += line() + token
    } else out += token === ',' ? token + line() : token === ':' ? ': ' : token
  }
  return out
}

/** Sixteen bytes a line, with what can be read of them. */
function hexLines(hex: string): string {
  const lines: string[] = []
  for (let at = 0; at < hex.length; at += 32) {
    const part = hex.slice(at, at + 32)
    const pairs = part.match(/../g) ?? []
    const text = pairs.map((pair) => (/^[2-7]/.test(pair) && pair !== '7f' ? String.fromCharCode(Number.parseInt(pair, 16)) : '·')).join('')
    lines.push(`${(at / 2).toString(16).padStart(5, '0')}  ${pairs.join(' ').padEnd(47)}  ${text}`)
  }
  return lines.join('\n')
}
