import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openBrowser, type TestBrowser } from '../support/browser.ts'
import { type Scene, type SceneOptions, startScene } from '../support/page-scene.ts'
import { hostileNames } from '../support/page-sources.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const opened: TestBrowser | undefined = await openBrowser()
beforeAll(() => console.log(opened?.about))
afterAll(() => opened?.close())

const views = ['', 'cutover', 'clients', 'parity', 'inspect', 'dead', 'backfill', 'log'] as const
const phone = { viewport: { width: 390, height: 844 } }
/** Also a desktop of 1,280 px at 400 %. */
const small = { viewport: { width: 320, height: 640 } }
const desktop = { viewport: { width: 1280, height: 860 } }
const auth = { auth: { basic: [{ user: 'ann', password: 'x' }] } }
const ann = { httpCredentials: { username: 'ann', password: 'x' } }

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

interface Seen {
  readonly page: Page
  readonly scene: Scene
  /** What the console said that is an error, and requests that went elsewhere. */
  readonly faults: string[]
}

/** Scenes that nobody changes, by what they are. */
const shared = new Map<string, Promise<Scene>>()
afterAll(async () => {
  for (const scene of shared.values()) await (await scene).stop()
})

function sharedScene(options: SceneOptions): Promise<Scene> {
  const key = JSON.stringify(options)
  let found = shared.get(key)
  if (found === undefined) shared.set(key, (found = startScene(options)))
  return found
}

async function ownScene(options: SceneOptions): Promise<Scene> {
  const scene = await startScene(options)
  open.push(() => scene.stop())
  return scene
}

/** A tab, and what is said in it. */
async function tabOf(scene: Scene, options: BrowserContextOptions): Promise<Seen & { readonly close: () => Promise<void> }> {
  if (opened === undefined) throw new Error('no browser')
  const tab = await opened.browser.newContext({ locale: 'en-GB', ...options })
  tab.setDefaultTimeout(6000)
  const page = await tab.newPage()
  const faults: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text())
  })
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('request', (request) => {
    if (!request.url().startsWith(`${scene.url}/`) && !request.url().startsWith('data:')) faults.push(`asked ${request.url()}`)
  })
  return { page, scene, faults, close: () => tab.close() }
}

/** Opens a view in a tab of its own and waits until it shows something. */
async function show(view: string, scene: SceneOptions, context: BrowserContextOptions = desktop): Promise<Seen> {
  const seen = await tabOf(await ownScene(scene), context)
  open.push(seen.close)
  await seen.page.goto(`${seen.scene.url}/#/${view}`)
  await seen.page.waitForSelector('main .card, main .notice')
  return seen
}

/** Tabs of scenes that nobody changes, by what those are: to load the page takes longer than to look at it. */
const tabs = new Map<string, Promise<Seen & { readonly close: () => Promise<void> }>>()
afterAll(async () => {
  for (const tab of tabs.values()) await (await tab).close()
})

/** Goes to a view in the tab of its scene. */
async function goTo(view: string, scene: SceneOptions, size = desktop, colorScheme: 'light' | 'dark' = 'light'): Promise<Seen> {
  const key = JSON.stringify(scene)
  let tab = tabs.get(key)
  if (tab === undefined) tabs.set(key, (tab = sharedScene(scene).then((started) => tabOf(started, scene.admin === undefined ? {} : ann))))
  const seen = await tab
  const { page } = seen
  seen.faults.length = 0
  await page.setViewportSize(size.viewport)
  await page.emulateMedia({ colorScheme })
  await page.goto(`${seen.scene.url}/#/${view}`)
  const titles = { '': 'Now', log: 'Health', dead: 'Dead letters', backfill: 'Back-fill', inspect: 'Look inside' } as Readonly<
    Record<string, string>
  >
  const title = titles[view] ?? `${view.slice(0, 1).toUpperCase()}${view.slice(1)}`
  await page.waitForSelector(`h1:text-is("${title}")`)
  await page.waitForSelector('main .card, main .notice')
  return seen
}

async function violations(page: Page): Promise<string[]> {
  if ((await page.evaluate('typeof axe')) === 'undefined') await page.evaluate(axe)
  const found: unknown = await page.evaluate(
    `axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.html.slice(0, 160)).slice(0, 3).join(' | ')))`,
  )
  return found as string[]
}

const tooWide = (page: Page): Promise<unknown> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')

/** Views in moods; theme and size go round, so that each mood is seen in all four. */
const cases = views.flatMap((view, at) =>
  (['empty', 'healthy', 'broken'] as const).map((mood, turn) => ({
    view,
    mood,
    colorScheme: (['dark', 'light'] as const)[(at + turn) % 2] ?? 'light',
    size: (at + turn) % 3 === 0 ? phone : desktop,
  })),
)

describe.skipIf(opened === undefined)('the page', () => {
  it.each(cases)('is sound: #/$view, $mood, $colorScheme', async ({ view, mood, colorScheme, size }) => {
    const { page, faults } = await goTo(view, { mood, admin: auth }, size, colorScheme)
    await page.waitForLoadState('load')
    expect(await violations(page)).toEqual([])
    expect(await tooWide(page)).toBe(0)
    expect(faults).toEqual([])
    expect(await page.locator('h1').count()).toBe(1)
  })

  it.each(views)('fits 320 px: #/%s', async (view) => {
    const { page, faults } = await goTo(view, { mood: 'broken', admin: auth }, small, 'dark')
    if (view === 'inspect') {
      await page.locator('tbody button, tbody a').first().click()
      await page.waitForSelector('h2:text-is("Request")')
    }
    expect(await tooWide(page)).toBe(0)
    const cut =
      "[...document.querySelectorAll('main button, main a, .tabs a')].filter((one) => one.getBoundingClientRect().right > innerWidth).length"
    expect(await page.evaluate(cut)).toBe(0)
    expect(faults).toEqual([])
  })

  it.each(views)('says which option turns #/%s on where nothing stands behind it', async (view) => {
    const { page, faults } = await goTo(view, { mood: 'empty', bare: true }, phone)
    expect(await violations(page)).toEqual([])
    expect(faults).toEqual([])
    const text = await page.locator('main').textContent()
    if (view === '') expect(text).toContain('curl http://127.0.0.1:9411/api/v2/spans')
    else if (view === 'inspect') expect(text).toContain('admin.inspect')
    else if (view === 'dead') expect(text).toContain('queue.type: disk')
    else if (view === 'backfill') expect(text).toContain('backfill.ledger')
    else if (view !== 'log') expect(text).toMatch(/configure section mirror|mirror\.<endpoint>\.url/)
  })

  it('shows how far a back-fill is, how fast, and what failed, and its tab only where there is one', async () => {
    const { page } = await goTo('backfill', { mood: 'broken', admin: auth })
    const text = await page.locator('main').textContent()
    for (const words of [
      '52.2 %',
      '46\u202f811/s',
      '2\u202f988 done',
      '2 failed',
      'no such index',
      '1\u202f204 items refused',
      'not a database',
    ])
      expect(text).toContain(words)
    const { page: other } = await goTo('', { mood: 'empty', admin: auth })
    expect(await other.locator('.tabs a[href="#/backfill"]').count()).toBe(0)
  })

  it('says what is wrong, with shape and word, and what is not lost', async () => {
    const { page } = await show('', { mood: 'degraded' })
    await page.waitForSelector('text=needs a look')
    const text = await page.locator('.notice').textContent()
    expect(text).toContain('the old side of prometheus is down')
    expect(text).toContain('nothing is lost')
    expect(await page.locator('.notice .state.warn svg').count()).toBeGreaterThan(0)
  })

  it('shows what changes each second, and goes on after the connection was cut', async () => {
    const { page, scene } = await show('', { mood: 'healthy' })
    const figure = page.locator('.endpoint .figure').first()
    const before = await figure.textContent()
    scene.receive(50_000)
    await expect.poll(() => figure.textContent(), { timeout: 5000 }).not.toBe(before)
    await scene.pause()
    await page.waitForSelector('text=connection lost')
    expect(await page.locator('.page.lost').count()).toBe(1)
    await scene.resume()
    await page.waitForSelector('text=all well', { timeout: 10_000 })
    expect(await page.locator('.page.lost').count()).toBe(0)
  })

  it('takes a phase change with the keyboard alone, and keeps who did it and why', async () => {
    const { page, scene, faults } = await show('', { mood: 'healthy', admin: auth }, { ...desktop, ...ann })
    await page.keyboard.press('g')
    await page.keyboard.press('c')
    await page.waitForSelector('h1:text("Cutover")')
    const button = page.getByRole('button', { name: 'To new-primary…' }).first()
    await button.waitFor()
    for (let at = 0; at < 40; at++) {
      if ((await page.evaluate('document.activeElement.textContent')) === 'To new-primary…') break
      await page.keyboard.press('Tab')
    }
    await page.keyboard.press('Enter')
    await page.waitForSelector('dialog[open]')
    expect(await violations(page)).toEqual([])
    await page.keyboard.type('parity holds since Monday')
    expect(await page.locator('dialog input').inputValue()).toBe('parity holds since Monday')
    await page.keyboard.press('Enter')
    await page.waitForSelector('dialog[open]', { state: 'detached' })
    expect(scene.mirror.asked).toEqual([
      { endpoint: 'zipkin', request: { phase: 'new-primary', reason: 'parity holds since Monday' }, who: 'ann' },
    ])
    await page.waitForSelector(
      '[aria-label="Zipkin"] [aria-current="step"]:text("new-primary"), .phases [aria-current="step"]:text("new-primary")',
    )
    await page.keyboard.press('g')
    await page.keyboard.press('h')
    await page.waitForSelector('text=parity holds since Monday')
    expect(faults).toEqual([])
  })

  it('shows the conditions that are not met, and does it all the same only when told so', async () => {
    const { page, scene } = await show('cutover', { mood: 'healthy', admin: auth }, { ...desktop, ...ann })
    await page.getByRole('button', { name: 'To new-only…' }).click()
    await page.getByLabel('Reason, kept in the record').fill('the last dashboards moved')
    await page.getByRole('button', { name: 'Go to new-only' }).click()
    await page.waitForSelector('text=212 queries a day still read the old side')
    expect(scene.mirror.asked).toEqual([])
    await page.getByLabel(/all the same/).check()
    await page.getByRole('button', { name: 'Go to new-only' }).click()
    await page.waitForSelector('dialog[open]', { state: 'detached' })
    expect(scene.mirror.asked).toMatchObject([{ endpoint: 'elasticsearch', request: { phase: 'new-only', force: true } }])
  })

  it('disables switches without admin.auth, and says so', async () => {
    const { page } = await goTo('cutover', { mood: 'healthy' })
    expect(await page.getByRole('button', { name: 'To new-primary…' }).first().isDisabled()).toBe(true)
    expect(await page.locator('.notice').textContent()).toContain('Set admin.auth to use the switches.')
  })

  it('tries dead letters again, and drops them only for their number', async () => {
    const { page, scene } = await show('dead', { mood: 'broken', admin: auth }, { ...desktop, ...ann })
    await page.getByRole('button', { name: 'Try again…' }).first().click()
    await page.getByRole('button', { name: 'Try again', exact: true }).click()
    await page.waitForSelector('dialog[open]', { state: 'detached' })
    await page.getByRole('button', { name: 'Drop…' }).first().click()
    const sure = page.getByRole('button', { name: 'Drop them' })
    expect(await sure.isDisabled()).toBe(true)
    await page.getByLabel(/Type the number/).fill('3')
    await sure.click()
    await page.waitForSelector('text=Nothing was set aside')
    expect(scene.dead.done).toEqual(['retry 9', 'drop 8,7,3'])
  })

  it('shows a request before and after, with the rules that made it', async () => {
    const { page } = await goTo('inspect', { mood: 'healthy' })
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.waitForSelector('h2:text-is("Request")')
    const text = await page.locator('main').textContent()
    expect(text).toContain('"resourceSpans"')
    expect(await page.locator('.pane').first().textContent()).toContain('"traceId": "68f0c3a1d2b4e5f61a2b3c4d5e6f7081"')
    await page.locator('summary:has-text("Headers")').click()
    expect(await page.locator('.pairs').textContent()).toMatch(/authorization\s*\*\*\*/)
    await page.locator('summary:has-text("fields, and the rule")').click()
    expect(await page.locator('main').textContent()).toContain('traceId')
    expect(await violations(page)).toEqual([])
    await page.keyboard.press('Escape')
    await page.waitForSelector('h2:text-is("Request")', { state: 'detached' })
  })

  it.each(['clients', 'cutover'])('shows hostile names of senders in #/%s as text', async (view) => {
    const { page, faults } = await show(view, { mood: 'healthy', names: hostileNames }, phone)
    await page.waitForSelector('text=<img src=x onerror=')
    expect(await page.evaluate('window.hit')).toBeUndefined()
    expect(await page.locator('main img').count()).toBe(0)
    expect(await page.locator('a[href^="javascript"]').count()).toBe(0)
    expect(await tooWide(page)).toBe(0)
    expect(faults).toEqual([])
  })

  it('stays quick with 2,000 keys', async () => {
    const names = Array.from({ length: 2000 }, (_, at) => `service-${at}`)
    const { page } = await show('cutover', { mood: 'healthy', names })
    await page.waitForSelector('text=more')
    expect(await page.locator('table.list tbody tr').count()).toBeLessThan(200)
    await page.keyboard.press('/')
    await page.keyboard.type('service-1999')
    await expect.poll(() => page.locator('table.list tbody tr').count()).toBe(1)
  })

  it('knows its keys and its theme, and closes with Esc', async () => {
    const { page } = await show('', { mood: 'healthy' })
    await page.keyboard.press('?')
    await page.waitForSelector('dialog[open] >> text=Next, previous row')
    await page.keyboard.press('Escape')
    await page.waitForSelector('dialog[open]', { state: 'detached' })
    await page.getByRole('button', { name: 'Theme: auto' }).click()
    await page.getByRole('button', { name: 'Theme: light' }).click()
    await expect.poll(() => page.evaluate('document.documentElement.dataset.theme')).toBe('dark')
    await page.reload()
    await page.getByRole('button', { name: 'Theme: dark' }).waitFor()
  })

  it('gives its chart as a table, where the unknown is not 0', async () => {
    const { page } = await goTo('', { mood: 'healthy' })
    await page.getByRole('button', { name: 'As table' }).click()
    const text = await page.locator('.values').textContent()
    expect(text).toContain('unknown')
    expect(text).toMatch(/\d\s?k/)
    expect(await violations(page)).toEqual([])
  })
})
