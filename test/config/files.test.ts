import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listenerFileFaults, securedSections } from '../../src/config/files.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-files-'))
})
afterEach(() => rm(folder, { recursive: true }))

const place = { host: 'localhost', port: 1 }
const tls = { cert: '/a', key: '/b', minVersion: 'TLSv1.2', reload: 1000 }
const auth = { basic: [{ user: 'a', passwordFile: '/c' }], bearer: ['t'], reload: 1000 }

describe('securedSections', () => {
  it('finds listeners with certificates or credentials, wherever they stand, unless they are switched off', () => {
    const found = securedSections({
      ingest: {
        zipkin: { ...place, tls, grpc: { ...place, auth } },
        jaeger: { http: { ...place, enabled: false, tls }, health: place, sampling: { ...place, auth } },
      },
      admin: { ...place, tls, auth },
    })
    expect(found.map(({ path }) => path.join('.'))).toEqual(['ingest.zipkin', 'ingest.zipkin.grpc', 'ingest.jaeger.sampling', 'admin'])
  })
})

describe('listenerFileFaults', () => {
  it('names every file by its key', async () => {
    const faults = await listenerFileFaults({ ingest: { zipkin: { ...place, tls } }, admin: { ...place, auth } })
    expect(faults.map(({ path }) => path.join('.')).toSorted()).toEqual([
      'admin.auth.basic.0.passwordFile',
      'ingest.zipkin.tls.cert',
      'ingest.zipkin.tls.key',
    ])
    for (const { message } of faults) expect(message).toMatch(/^cannot read the file: ENOENT/)
  })

  it('is empty for good files, and for none', async () => {
    const password = join(folder, 'password')
    await writeFile(password, 'x')
    expect(await listenerFileFaults({ ingest: { zipkin: place }, admin: place })).toEqual([])
    const good = { ...auth, basic: [{ user: 'a', passwordFile: password }] }
    expect(await listenerFileFaults({ ingest: { zipkin: { ...place, auth: good } }, admin: place })).toEqual([])
  })
})
