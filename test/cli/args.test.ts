import { describe, expect, it } from 'vitest'
import { explain, runCommandLine } from '../../src/cli/args.ts'
import { BridgeError } from '../../src/errors.ts'
import { createTestIo } from './support/test-io.ts'

const run = async (...argv: string[]) => {
  const io = createTestIo()
  const code = await runCommandLine(argv, io)
  return { code, out: io.stdout(), err: io.stderr() }
}

describe('runCommandLine', () => {
  it('without arguments shows the commands on stderr and fails with 2', async () => {
    const { code, out, err } = await run()
    expect([code, out]).toEqual([2, ''])
    expect(err).toContain('serve')
  })

  it.each([[['--help']], [['serve', '--help']], [['--version']]])('%j is done with 0, on stdout', async (argv) => {
    const { code, out } = await run(...argv)
    expect(code).toBe(0)
    expect(out).not.toBe('')
  })

  it.each([[['serv']], [['serve', '--nonsense']], [['translate']], [['translate', '--from', 'zipkin-json', '--to', 'xml']], [['queue']]])(
    '%j is wrong use: 2, and says so on stderr',
    async (argv) => {
      const { code, out, err } = await run(...argv)
      expect([code, out]).toEqual([2, ''])
      expect(err).not.toBe('')
    },
  )

  it('lists every fault of a configuration and fails with 2', async () => {
    const { code, err } = await run('serve', '--set', 'emit.endpont=x', '--set', 'queue.type=tape', '--set', 'mirror.to=x')
    expect(code).toBe(2)
    expect(err).toContain('did you mean endpoint?')
    expect(err).toContain('expected one of disk, memory')
    expect(err).toContain('known here: zipkin, jaeger, prometheus, elasticsearch, beats, books')
  })

  it('refuses to send to itself', async () => {
    const { code, err } = await run('serve', '--set', 'emit.endpoint=http://localhost:9411', '--set', 'queue.type=memory')
    expect(code).toBe(2)
    expect(err).toMatch(/^OB_LOOP: .*ingest\.zipkin/)
  })
})

describe('explain', () => {
  it.each([
    ['OB_CONFIG', 2],
    ['OB_LISTEN', 2],
    ['OB_INPUT', 3],
    ['OB_DECODE_JSON', 3],
    ['OB_LIMIT_ITEMS', 3],
    ['OB_SEND_PERMANENT', 4],
  ] as const)('%s ends with %d', (code, exit) => {
    expect(explain(new BridgeError(code, 'cannot do it: because')).code).toBe(exit)
  })

  it('names the knob of a port that is taken, and the remedy', () => {
    const { text } = explain(new BridgeError('OB_LISTEN', 'cannot listen on localhost:9411: in use', { place: 'ingest.zipkin.port' }))
    expect(text).toBe(
      'OB_LISTEN: cannot listen on localhost:9411: in use (ingest.zipkin.port)\n  Another program holds it: stop it, or set another port.',
    )
  })

  it('shows the stack of a fault that is not one of ours', () => {
    expect(explain(new TypeError('oops')).text).toContain('args.test.ts')
  })
})
