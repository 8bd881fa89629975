import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

describe('createProcessIo', () => {
  it('lets everything out before the program ends, however slowly it is read', async () => {
    const spans = Array.from({ length: 3000 }, (_, i) => ({ traceId: '1', id: (i + 1).toString(16), name: 'x'.repeat(100) }))
    const child = spawn(process.execPath, [main, 'translate', '--from', 'zipkin-json', '-'], { stdio: ['pipe', 'pipe', 'inherit'] })
    const ended = new Promise<number | null>((done) => child.once('close', done))
    child.stdin.end(JSON.stringify(spans))
    const pieces: Buffer[] = []
    for await (const piece of child.stdout) pieces.push(piece as Buffer)
    expect(await ended).toBe(0)
    const { resourceSpans } = JSON.parse(Buffer.concat(pieces).toString()) as { resourceSpans: { scopeSpans: { spans: unknown[] }[] }[] }
    expect(resourceSpans[0]?.scopeSpans[0]?.spans).toHaveLength(3000)
  })
})
