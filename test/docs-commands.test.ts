/** Every command line that our pages show is one that the program takes, with options that exist; configurations of the runbook are valid. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createProgram } from '../src/cli/args.ts'
import { loadBridgeConfig } from '../src/config/compose.ts'
import { refuseIdleMirrors } from '../src/sides.ts'
import { createTestIo } from './cli/support/test-io.ts'
import { readRunbook } from './interop/runbook-page.ts'

const root = join(import.meta.dirname, '..')
const below = (folder: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`)
const pages = ['README.md', 'CONTRIBUTING.md', 'RATIONALE.md', ...below('docs'), ...below('docs/mapping'), ...below('changes')]

/** Words of a shell's line up to a pipe, a redirection, a second command or a comment. */
function wordsOf(line: string): string[] {
  const words: string[] = []
  for (const [, double, single, plain] of line.matchAll(/"([^"]*)"|'([^']*)'|((?:[^\s"']|(?<=\S)['"])+)/g)) {
    if (plain !== undefined && /^(#|\||>|<$|&&|;|&$|2>)/.test(plain)) break
    words.push(double ?? single ?? plain ?? '')
    if (plain?.endsWith(';') === true) break
  }
  return words
}

interface Shown {
  readonly line: string
  /** In a block: somebody will copy it. In a sentence a command may be named without all that it needs. */
  readonly whole: boolean
}

/** In blocks of shell each line, elsewhere what stands in backticks. */
function commandsOf(page: string): Shown[] {
  const text = readFileSync(join(root, page), 'utf8')
  const blocks = [...text.matchAll(/^```(?:sh|bash|console)\n([\s\S]*?)^```/gm)].flatMap(([, block]) =>
    (block ?? '').replaceAll('\\\n', ' ').split('\n'),
  )
  const inline = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, code]) => code ?? '')
  const shown = (lines: readonly string[], whole: boolean): Shown[] =>
    lines.flatMap((line) => {
      const at = /(?:^|[\s|;])(?:\.\/bin\/)?otlp-bridge\s+([a-z].*)$/.exec(line)
      return at === null ? [] : [{ line: at[1] ?? '', whole }]
    })
  return [...shown(blocks, true), ...shown(inline, false)]
}

/** Parses without doing anything. Returns what the program says against it. */
function faultOf(line: string): string | undefined {
  const io = createTestIo()
  const program = createProgram(io, () => {})
  let parsed = false
  const calm = (command: Command): void => {
    // `backfill` does something by itself, and has commands below it.
    if (command.commands.length === 0 || command.registeredArguments.length > 0)
      command.action(() => {
        parsed = true
      })
    for (const one of command.commands) calm(one)
  }
  calm(program)
  try {
    program.parse(wordsOf(line), { from: 'user' })
    return parsed ? undefined : 'it is no command'
  } catch {
    return io.stderr().trim() || 'it only shows help'
  }
}

const isOnlyNamed = /^(Usage: otlp-bridge|error: missing required argument|error: required option)/

describe('command lines in the pages', () => {
  it.each([
    ['phase set zipkin dual --reason "a day of shadow" # then look', undefined],
    ["parity --key 'checkout,cart*' --html parity.html > out.txt", undefined],
    ['phase set', /missing required argument 'endpoint'/],
    ['phase', /./],
    ['readiness --loud', /unknown option '--loud'/],
    ['readiness --question C', /Allowed choices are A, B/],
    ['convert dashboards', /missing required argument 'source'/],
    ['translated', /unknown command 'translated'/],
  ])('are judged by the program itself: %s', (line, fault) => {
    if (fault === undefined) expect(faultOf(line)).toBeUndefined()
    else expect(faultOf(line)).toMatch(fault)
  })

  it.each(pages)('%s', (page) => {
    const faults = commandsOf(page).flatMap(({ line, whole }) => {
      const fault = faultOf(line)
      return fault === undefined || (!whole && isOnlyNamed.test(fault)) ? [] : [`otlp-bridge ${line}: ${fault}`]
    })
    expect(faults).toEqual([])
  })

  it('are found: the runbook alone has more than ten', () => {
    expect(commandsOf('docs/cutover.md').length).toBeGreaterThan(10)
  })
})

describe('the runbook', () => {
  const text = readFileSync(join(root, 'docs/cutover.md'), 'utf8')
  const section = /^## The runbook\n([\s\S]*?)^## /m.exec(text)?.[1] ?? ''
  const steps = section.split(/^### /m).slice(1)

  it.each(steps.filter((one) => one.startsWith('Step ')).map((one) => [one.split('\n', 1)[0] ?? '', one]))(
    '%s: what to do, when to go on, and how to go back',
    (_, step) => {
      expect([...step.matchAll(/\*\*(Do|Go on when|Back)\b/g)].map(([, word]) => word)).toEqual(
        expect.arrayContaining(['Do', 'Go on when', 'Back']),
      )
    },
  )

  it('gives every block of commands to a step, and knows the switches of all phases', () => {
    const lines = readRunbook(text).flatMap((step) => step.lines)
    expect(lines).toHaveLength(
      [...section.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) => block.trim().split('\n')).length,
    )
    const switches = lines.map(({ command }) => / phase set zipkin (\S+)/.exec(command)?.[1])
    expect(new Set(switches.filter((one) => one !== undefined))).toEqual(new Set(['--back', 'shadow', 'dual', 'new-primary', 'new-only']))
  })
})

describe('configurations in the pages', () => {
  it.each(['docs/cutover.md', 'docs/page.md'])('%s', async (page) => {
    const folder = mkdtempSync(join(tmpdir(), 'pages-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const blocks = [...readFileSync(join(root, page), 'utf8').matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, block]) => block ?? '')
    expect(blocks.length).toBeGreaterThan(0)
    for (const block of blocks) {
      const file = join(folder, 'bridge.yaml')
      for (const [secret] of block.matchAll(/\/run\/secrets\/\w+/g)) writeFileSync(join(folder, secret.slice(13)), 'a password')
      writeFileSync(file, block.replaceAll('/run/secrets/', `${folder}/`))
      refuseIdleMirrors(
        await loadBridgeConfig(
          { config: file },
          { OTLP_BRIDGE_ADMIN_PASSWORD: 'a-password', ADMIN_PASSWORD: 'a-password', ADMIN_TOKEN: 'a-token' },
        ),
      )
    }
  })
})
