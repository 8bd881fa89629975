/**
 * Runs the commands of the runbook in a shell, in the folder of its `bridge.yaml`. Hosts and ports are those of this machine and minutes take the
 * place of ten minutes; what is done by hand there (services started and stopped, a file edited) is done by the test. A command that is none of
 * these is an error, not left out.
 */

import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, parseDocument } from 'yaml'
import type { RunbookLine } from './runbook-page.ts'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface ShellOptions {
  readonly folder: string
  /** What the document writes, by what it is here. */
  readonly places: Readonly<Record<string, string>>
  /** By the whole command: what somebody with other rights does. */
  readonly byHand: Readonly<Record<string, () => Promise<void>>>
  /** Called when the file was changed; resolves when the bridge has taken it. */
  readonly edited: () => Promise<void>
  /** With a folder before all others in PATH in which `otlp-bridge` is. */
  readonly env: NodeJS.ProcessEnv
  /** Reports that `--watch` is to give before it is interrupted. */
  readonly watched: number
}

export interface RunbookShell {
  run(line: RunbookLine): Promise<Ran>
}

const done: Ran = { code: 0, stdout: '', stderr: '' }

/** Times that the document names, and how long they last here. */
const times: Readonly<Record<string, string>> = { '--window 10m': '--window 1m' }

/** Does what the comment behind `"$EDITOR" bridge.yaml` says: `mirror.zipkin.phase: dual`, `without mirror.zipkin`, `verdict.waive: + { … }`. */
export async function edit(file: string, note: string): Promise<void> {
  const document = parseDocument(await readFile(file, 'utf8'))
  const [, removed] = /^without (\S+)$/.exec(note) ?? []
  const [, list, added] = /^(\S+): \+ (\{.*\})$/.exec(note) ?? []
  const [, path, value] = /^(\S+): (\S+)$/.exec(note) ?? []
  const place = (removed ?? list ?? path ?? '').split('.')
  if (!document.hasIn(place)) throw new Error(`cannot edit ${file} (${note}): it has no ${place.join('.')}`)
  if (removed !== undefined) document.deleteIn(place)
  else if (added !== undefined) document.addIn(place, document.createNode(parse(added)))
  else document.setIn(place, value)
  await writeFile(file, document.toString())
}

export function createShell({ folder, places, byHand, edited, env, watched }: ShellOptions): RunbookShell {
  const exports: string[] = []

  const mapped = (command: string): string => {
    let text = command
    for (const [theirs, ours] of Object.entries({ ...places, ...times })) text = text.replaceAll(theirs, ours)
    const [stranger] = /https?:\/\/(?!127\.0\.0\.1:)[^\s"']*/.exec(text) ?? []
    if (stranger !== undefined) throw new Error(`cannot run ${command}: nobody says where ${stranger} is`)
    return text
  }

  /** @param reports so many, then it is interrupted */
  const bash = (command: string, reports?: number): Promise<Ran> =>
    new Promise((settle, fail) => {
      const script = [...exports, reports === undefined ? command : `exec ${command}`].join('\n')
      const child = spawn('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
      let [stdout, stderr] = ['', '']
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text
        if (reports !== undefined && stdout.split(/^parity /m).length > reports) child.kill('SIGINT')
      })
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text
      })
      child.once('error', fail)
      child.once('close', (code) => settle({ code: code ?? -1, stdout, stderr }))
    })

  return {
    async run({ command, note }) {
      const hand = byHand[command]
      if (hand !== undefined) {
        await hand()
        return done
      }
      if (command === '"$EDITOR" bridge.yaml') {
        await edit(join(folder, 'bridge.yaml'), note)
        await edited()
        return done
      }
      if (command.startsWith('export ')) {
        exports.push(command)
        return done
      }
      if (!/^(otlp-bridge|curl|cp) /.test(command)) throw new Error(`cannot run ${command}: the runbook's test does not know what it is`)
      const ran = await bash(mapped(command), command.endsWith(' --watch') ? watched : undefined)
      if (/^cp \S+ bridge\.yaml$/.test(command)) await edited()
      return ran
    },
  }
}
