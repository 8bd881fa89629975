/** The runbook of docs/cutover.md as it is written: its steps, and the commands of each in their order. */

/** What a command is for: the bold word before it. `first`: it stands before all steps. */
export type Role = 'first' | 'do' | 'look' | 'go on' | 'back'

export interface RunbookLine {
  readonly role: Role
  /** Without its comment. */
  readonly command: string
  /** The comment at its end. */
  readonly note: string
}

export interface RunbookStep {
  /** Its heading, without what stands behind the colon: `Step 3`. */
  readonly name: string
  readonly title: string
  readonly lines: readonly RunbookLine[]
}

const roles: Readonly<Record<string, Role>> = { 'Do.': 'do', 'Look.': 'look', 'Go on when': 'go on', 'Back:': 'back', Back: 'back' }

/** A `#` within quotes or a word is none. */
function cut(line: string): { readonly command: string; readonly note: string } {
  const [, command = '', note = ''] = /^((?:"[^"]*"|'[^']*'|[^"'#]|(?<=\S)#)*?)(?:\s+#\s*(.*))?$/.exec(line) ?? []
  if (command === '') throw new Error(`cannot read the runbook: ${line}`)
  return { command: command.trim(), note: note.trim() }
}

/** Throws for a block of commands of which nobody can say what it is for. */
export function readRunbook(page: string): readonly RunbookStep[] {
  const section = /^## The runbook\n([\s\S]*?)^## /m.exec(page)?.[1]
  if (section === undefined) throw new Error('cannot read the runbook: there is no such section')
  const steps: { name: string; title: string; lines: RunbookLine[] }[] = [{ name: 'first', title: '', lines: [] }]
  let role: Role | undefined = 'first'
  let isShell = false
  let isOther = false
  for (const line of section.split('\n')) {
    const step = steps.at(-1)
    if (/^\s*```/.test(line)) {
      if (isShell || isOther) isShell = isOther = false
      else if (line.trim() === '```sh') isShell = true
      else isOther = true
      if (isShell && role === undefined)
        throw new Error(`cannot read the runbook: nothing says what the commands of "${step?.title}" are for`)
    } else if (isShell) {
      if (line.trim() !== '' && role !== undefined) step?.lines.push({ role, ...cut(line.trim()) })
    } else if (!isOther) {
      const [, heading] = /^### (.*)$/.exec(line) ?? []
      if (heading !== undefined) {
        steps.push({ name: heading.split(':', 1)[0] ?? heading, title: heading, lines: [] })
        role = undefined
      }
      for (const [, word = ''] of line.matchAll(/\*\*([^*]+)\*\*/g)) role = roles[word] ?? role
    }
  }
  return steps
}
