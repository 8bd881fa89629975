/** The page: head, ways to the views, keys, and the view of the address. */

import { type ComponentType, type JSX, render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { go, LiveContext, usePlace } from './hooks.ts'
import { BackfillIcon, ClientsIcon, CutoverIcon, DeadIcon, HealthIcon, Help, InspectIcon, NowIcon, ParityIcon, Theme } from './icons.tsx'
import { type Live, type LiveSource, startLive } from './live.ts'
import { short } from './numbers.ts'
import { Dialog, State, Time, type Tone } from './parts.tsx'
import { BackfillView } from './view-backfill.tsx'
import { ClientsView } from './view-clients.tsx'
import { CutoverView } from './view-cutover.tsx'
import { DeadView } from './view-dead.tsx'
import { InspectView } from './view-inspect.tsx'
import { LogView } from './view-log.tsx'
import { NowView } from './view-now.tsx'
import { ParityView } from './view-parity.tsx'

interface View {
  readonly path: string
  readonly key: string
  readonly title: string
  readonly small: string
  readonly icon: () => JSX.Element
  readonly view: ComponentType
}

const views: readonly View[] = [
  { path: '/', key: 'n', title: 'Now', small: 'Now', icon: NowIcon, view: NowView },
  { path: '/cutover', key: 'c', title: 'Cutover', small: 'Cutover', icon: CutoverIcon, view: CutoverView },
  { path: '/clients', key: 'l', title: 'Clients', small: 'Clients', icon: ClientsIcon, view: ClientsView },
  { path: '/parity', key: 'p', title: 'Parity', small: 'Parity', icon: ParityIcon, view: ParityView },
  { path: '/inspect', key: 'i', title: 'Look inside', small: 'Inside', icon: InspectIcon, view: InspectView },
  { path: '/dead', key: 'd', title: 'Dead letters', small: 'Dead', icon: DeadIcon, view: DeadView },
  { path: '/backfill', key: 'b', title: 'Back-fill', small: 'Past', icon: BackfillIcon, view: BackfillView },
  { path: '/log', key: 'h', title: 'Health', small: 'Health', icon: HealthIcon, view: LogView },
]

const stateWords = { ok: 'all well', degraded: 'needs a look', broken: 'not ready' } as const
const stateTones: Readonly<Record<keyof typeof stateWords, Tone>> = { ok: 'good', degraded: 'warn', broken: 'bad' }

const themes = ['auto', 'light', 'dark'] as const

type ThemeName = (typeof themes)[number]

/** Storage may be forbidden; then the theme lasts as long as the page. */
function storedTheme(): ThemeName {
  try {
    const stored = localStorage.getItem('theme')
    return themes.find((one) => one === stored) ?? 'auto'
  } catch {
    return 'auto'
  }
}

function useTheme(): readonly [ThemeName, () => void] {
  const [theme, setTheme] = useState(storedTheme)
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme
    try {
      localStorage.setItem('theme', theme)
    } catch {
      // As said above.
    }
    dispatchEvent(new Event('themechange'))
  }, [theme])
  return [theme, () => setTheme(themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'auto')]
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.matches('input, textarea, select') || target.isContentEditable)

/** Moves the focus over rows. */
function moveRow(by: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')]
  const at = rows.indexOf(document.activeElement as HTMLElement)
  rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + by))]?.focus()
}

function useKeys(onHelp: () => void): void {
  useEffect(() => {
    let going = 0
    const pressed = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') !== null) return
      if (isTyping(event.target)) {
        if (event.key === 'Escape' && event.target instanceof HTMLElement) event.target.blur()
        return
      }
      const view = Date.now() - going < 1500 ? views.find((one) => one.key === event.key) : undefined
      going = event.key === 'g' ? Date.now() : 0
      if (view !== undefined) go(view.path)
      else if (event.key === '/') document.querySelector<HTMLElement>('[data-filter]')?.focus()
      else if (event.key === 'j') moveRow(1)
      else if (event.key === 'k') moveRow(-1)
      else if (event.key === '?') onHelp()
      else if (event.key === 'Escape') document.querySelector<HTMLElement>('[data-close]')?.click()
      else return
      event.preventDefault()
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [onHelp])
}

/** How seldom a reader of the screen is told that the state is another. */
const saidEveryMs = 10_000

/** What is read out: states, never figures. */
function useSaid(text: string): string {
  const [said, setSaid] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSaid(text), saidEveryMs)
    return () => clearTimeout(timer)
  }, [text])
  return said
}

function Head({ live, onHelp }: { readonly live: Live; readonly onHelp: () => void }): JSX.Element {
  const [theme, nextTheme] = useTheme()
  const { overview, lostSince, heard } = live
  const state = overview?.health.state
  const said = useSaid(lostSince !== undefined ? 'connection lost' : state === undefined ? 'connecting' : stateWords[state])
  return (
    <header class="head">
      <a class="brand" href="#/">
        otlp-bridge
      </a>
      {overview !== undefined && <span class="instance">{overview.instance}</span>}
      <div class="head-state">
        {lostSince !== undefined ? (
          <State tone="bad">
            connection lost <Time at={lostSince} />, trying
          </State>
        ) : state === undefined ? (
          <State tone="none">connecting</State>
        ) : (
          <a href="#/log" class="plain">
            <State tone={stateTones[state]}>{stateWords[state]}</State>
          </a>
        )}
        {heard !== undefined && lostSince === undefined && (
          <span class="soft live">
            live <Time at={heard} />
          </span>
        )}
      </div>
      <span class="sr" role="status">
        {said}
      </span>
      <button type="button" class="quiet" onClick={nextTheme} aria-label={`Theme: ${theme}`} title={`Theme: ${theme}`}>
        <Theme />
      </button>
      <button type="button" class="quiet" onClick={onHelp} aria-label="Keys" title="Keys">
        <Help />
      </button>
    </header>
  )
}

/** Most bridges have none beside them. */
const isShown = (to: string, path: string, hasBackfill: boolean): boolean => to !== '/backfill' || hasBackfill || path === to

interface TabsProps {
  readonly path: string
  readonly dead: number
  readonly hasBackfill: boolean
}

const Tabs = ({ path, dead, hasBackfill }: TabsProps): JSX.Element => (
  <nav class="tabs" aria-label="Views">
    {views
      .filter((one) => isShown(one.path, path, hasBackfill))
      .map(({ path: to, title, small, icon: Icon }) => (
        <a key={to} href={`#${to}`} aria-current={to === path ? 'page' : undefined}>
          <Icon />
          <span class="long">{title}</span>
          <span class="small-title" aria-hidden="true">
            {small}
          </span>
          {to === '/dead' && dead > 0 && (
            <span class="badge">
              {short(dead)}
              <span class="sr"> items</span>
            </span>
          )}
        </a>
      ))}
  </nav>
)

const keys: readonly (readonly [keys: string, what: string])[] = [
  ...views.map((one) => [`g ${one.key}`, one.title] as const),
  ['/', 'Filter'],
  ['j  k', 'Next, previous row'],
  ['Enter', 'Open'],
  ['Esc', 'Close'],
  ['?', 'This list'],
]

const HelpDialog = ({ onClose }: { readonly onClose: () => void }): JSX.Element => (
  <Dialog title="Keys" onClose={onClose}>
    <dl class="pairs keys">
      {keys.map(([key, what]) => (
        <div key={key}>
          <dt>
            <kbd>{key}</kbd>
          </dt>
          <dd>{what}</dd>
        </div>
      ))}
    </dl>
    <div class="buttons">
      <button type="button" onClick={onClose}>
        Close
      </button>
    </div>
  </Dialog>
)

function Page({ source }: { readonly source: LiveSource }): JSX.Element {
  const [live, setLive] = useState(source.now)
  const [help, setHelp] = useState(false)
  const [showHelp] = useState(() => () => setHelp(true))
  const place = usePlace()
  useEffect(() => source.subscribe(setLive), [source])
  useKeys(showHelp)
  const view = views.find((one) => one.path === place.path) ?? views[0]
  useEffect(() => {
    document.title = `${view?.title ?? ''} · otlp-bridge`
  }, [view])
  if (view === undefined) return <p />
  const Shown = view.view
  return (
    <LiveContext.Provider value={live}>
      <div class={live.lostSince === undefined ? 'page' : 'page lost'}>
        <Head live={live} onHelp={showHelp} />
        <Tabs path={view.path} dead={live.overview?.deadItems ?? 0} hasBackfill={live.session?.has.backfill === true} />
        <main id="main">
          <h1>{view.title}</h1>
          {live.overview === undefined && live.fault !== undefined ? (
            <p class="notice bad">
              <State tone="bad">{live.fault}</State>
            </p>
          ) : (
            <Shown key={view.path} />
          )}
        </main>
      </div>
      {help && <HelpDialog onClose={() => setHelp(false)} />}
    </LiveContext.Provider>
  )
}

const root = document.getElementById('page')
if (root !== null) render(<Page source={startLive()} />, root)
