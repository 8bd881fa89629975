/**
 * A real Chromium for tests of the page: `CHROMIUM_PATH`, else the one inside of the npm package, else one that is installed. Its libraries and its
 * font are unpacked beside it, since a machine without any could not start it. It opens nothing but pages of our own on loopback: it runs without its sandbox.
 */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'

export interface TestBrowser {
  readonly browser: Browser
  /** Which one it is and where it came from. */
  readonly about: string
  close(): Promise<void>
}

const installed = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/microsoft-edge']

/** Flags of the package that change what a page may do are left out: what is tested is how a browser of people behaves. */
const unwanted =
  /^--(disable-web-security|allow-running-insecure-content|single-process|disable-site-isolation-trials|enable-features=|headless)/

const packageFolder = new URL('../../node_modules/@sparticuz/chromium/', import.meta.url).pathname

interface Found {
  readonly from: string
  readonly path: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/**
 * Configures fonts: those of the system, and the one of the package, whose own file looks for it elsewhere. A Chromium that finds none at all ends
 * itself at the first field of a form.
 */
function fontsOf(folder: string, fonts: string): string {
  const file = join(folder, 'fonts.conf')
  const families = ['sans-serif', 'serif', 'monospace', 'system-ui']
  const aliases = families.map((name) => `<alias><family>${name}</family><default><family>Open Sans</family></default></alias>`)
  writeFileSync(
    file,
    `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>${fonts}</dir>
  <cachedir>${join(folder, 'fonts-cache')}</cachedir>
  ${aliases.join('\n  ')}
</fontconfig>
`,
  )
  return file
}

/** Where it is unpacked, beside the packages themselves. */
const cache = new URL('../../node_modules/.cache/', import.meta.url).pathname

/** Unpacks once for all runs, since it takes seconds; two at a time each do it and one of them is kept. @param own where nothing can be kept */
async function unpackOnce(own: string): Promise<string> {
  const { default: chromium, inflate } = await import('@sparticuz/chromium')
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as { version: string }
  const kept = join(cache, `chromium-${version}`)
  if (existsSync(kept)) return kept
  let into = `${kept}.${process.pid}`
  try {
    mkdirSync(into, { recursive: true })
  } catch {
    into = own
  }
  const before = process.env['TMPDIR']
  process.env['TMPDIR'] = into
  try {
    await Promise.all([chromium.executablePath(), inflate(join(packageFolder, 'bin/al2023.tar.br'))])
  } finally {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
  }
  if (into === own) return own
  try {
    renameSync(into, kept)
  } catch {
    // Another run was faster.
    rmSync(into, { recursive: true, force: true })
  }
  return kept
}

async function unpacked(folder: string): Promise<Found | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined
  try {
    const { default: chromium } = await import('@sparticuz/chromium')
    chromium.setGraphicsMode = false
    const from = await unpackOnce(folder)
    const args = chromium.args.filter((one) => !unwanted.test(one))
    const env = { LD_LIBRARY_PATH: join(from, 'al2023/lib'), HOME: folder, FONTCONFIG_FILE: fontsOf(folder, join(from, 'fonts')) }
    return { from: 'npm package', path: join(from, 'chromium'), args, env }
  } catch (error) {
    console.warn(`the Chromium of the npm package cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
}

async function* candidates(folder: string): AsyncGenerator<Found> {
  const given = process.env['CHROMIUM_PATH']
  const args = ['--no-sandbox', '--font-render-hinting=none']
  if (given !== undefined) yield { from: 'CHROMIUM_PATH', path: given, args, env: {} }
  const own = await unpacked(folder)
  if (own !== undefined) yield own
  for (const path of installed) if (existsSync(path)) yield { from: 'the system', path, args, env: {} }
}

/** One that starts may still break at the first field of a form, where it finds no font that it likes. */
async function tryOut(browser: Browser): Promise<void> {
  try {
    const page = await browser.newPage()
    await page.setContent('<input type="search" placeholder="a"><select><option>b</option></select>', { timeout: 5000 })
    await page.screenshot({ timeout: 5000 })
    await page.close()
  } catch (error) {
    await browser.close()
    throw error
  }
}

/** Undefined, and said so on stderr, where there is none that starts. */
export async function openBrowser(): Promise<TestBrowser | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'ob-page-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  const { chromium } = await import('playwright-core')
  for await (const { from, path, args, env } of candidates(folder)) {
    try {
      const browser = await chromium.launch({
        executablePath: path,
        args: [...args],
        headless: true,
        env: { ...(process.env as Record<string, string>), ...env },
      })
      await tryOut(browser)
      return {
        browser,
        about: `Chromium ${browser.version()} of ${from}`,
        async close() {
          await browser.close()
          remove()
        },
      }
    } catch (error) {
      console.warn(`${path} does not start: ${error instanceof Error ? error.message.split('\n', 1)[0] : String(error)}`)
    }
  }
  remove()
  console.warn('SKIPPED: no Chromium here; the page was not looked at. Set CHROMIUM_PATH to one.')
  return undefined
}
