import { describe, expect, it } from 'vitest'
import type { Finding } from '../../src/preflight/finding.ts'
import { exitCodeOf, runPreflight } from '../../src/preflight/preflight.ts'
import { subjectOf, worldOf } from './support/subject.ts'

const finding = (level: Finding['level'], remote = false): Finding => ({ check: 'port', about: 'x', level, seen: 'y', remote })

describe('exitCodeOf', () => {
  it.each([
    [[], 0],
    [[finding('ok'), finding('warn', true)], 0],
    [[finding('fail')], 2],
    [[finding('fail', true)], 4],
    [[finding('fail'), finding('fail', true), finding('ok')], 4],
  ] as const)('of %j is %i', (findings, code) => {
    expect(exitCodeOf(findings)).toBe(code)
  })
})

describe('runPreflight', () => {
  it('makes a finding of a check that fails by itself, and goes on with the others', async () => {
    const readText = async (): Promise<string> => {
      throw new Error('no /proc today')
    }
    const findings = await runPreflight(subjectOf({ queue: { type: 'memory' } }, { send: false }), worldOf({ readText }))
    expect(findings.filter(({ level }) => level === 'fail').map(({ check, seen }) => `${check}: ${seen}`)).toEqual([
      'descriptors: no /proc today',
      'receiveBuffers: no /proc today',
    ])
    expect(findings.some(({ check }) => check === 'port')).toBe(true)
  })
})
