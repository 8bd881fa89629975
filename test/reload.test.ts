import { describe, expect, it } from 'vitest'
import { loadBridgeConfig } from '../src/config/compose.ts'
import { changeOf, pinPorts } from '../src/reload.ts'

const config = (...set: string[]) => loadBridgeConfig({ set }, {})

describe('changeOf', () => {
  it('names the sections that changed', async () => {
    const change = changeOf(await config(), await config('translate.semconv=legacy', 'log.level=debug'))
    expect([change.changed, change.nextStart]).toEqual([['translate', 'log'], []])
    expect(change.config.translate.semconv).toBe('legacy')
  })

  it('keeps what cannot change while the bridge runs, and names it', async () => {
    const change = changeOf(
      await config(),
      await config('queue.maxSize=1GiB', 'admin.port=9000', 'log.format=json', 'translate.semconv=both'),
    )
    expect(change.nextStart).toEqual(['queue.maxSize', 'admin.port', 'log.format'])
    expect(change.changed).toEqual(['translate'])
    expect(change.config).toMatchObject({ admin: { port: 8899 }, log: { format: 'auto' }, translate: { semconv: 'both' } })
    expect(change.config.queue.maxSize).toBe(undefined)
  })

  it('finds nothing in the same configuration', async () => {
    expect(changeOf(await config(), await config())).toMatchObject({ changed: [], nextStart: [] })
  })
})

describe('pinPorts', () => {
  it('gives port 0 the port that the listener has got, and leaves other ports alone', async () => {
    const set = ['ingest.zipkin.port=0', 'ingest.jaeger.http.port=0', 'ingest.jaeger.compact.port=6831']
    const pinned = pinPorts(await config(...set), [
      { section: 'ingest.zipkin', addresses: ['http://127.0.0.1:4000', 'http://[::1]:4000'] },
      { section: 'ingest.jaeger.compact', addresses: ['udp://127.0.0.1:4001'] },
    ])
    expect(pinned.ingest).toMatchObject({ zipkin: { port: 4000 }, jaeger: { http: { port: 0 }, compact: { port: 6831 } } })
  })
})
