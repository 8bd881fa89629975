import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { credentialFiles, readCredentials } from '../../src/ingest/credentials.ts'
import { listenerAuth } from '../../src/ingest/schema.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'credentials-'))
})
afterEach(() => rm(folder, { recursive: true }))

const file = async (name: string, text: string): Promise<string> => {
  await writeFile(join(folder, name), text)
  return join(folder, name)
}

describe('readCredentials', () => {
  it('joins what is written in the configuration with what is in files', async () => {
    const auth = listenerAuth.parse({
      basic: [
        { user: 'ann', password: 'p:1' },
        { user: 'bob', passwordFile: await file('password', 'from a file\n') },
      ],
      htpasswdFile: await file('htpasswd', `# users\ncleo:plain:word\r\n\ndan:{SHA}${createHash('sha1').update('x').digest('base64')}\n`),
      bearer: ['t1'],
      bearerFile: await file('tokens', 't2\n\n# old\nt3'),
      apiKey: { keys: ['k1'], keysFile: await file('keys', 'k2\n') },
    })
    expect(credentialFiles(auth)).toHaveLength(4)
    expect(await readCredentials(auth)).toEqual({
      credentials: {
        users: [
          { user: 'ann', form: 'plain', password: 'p:1' },
          { user: 'bob', form: 'plain', password: 'from a file' },
          { user: 'cleo', form: 'plain', password: 'plain:word' },
          { user: 'dan', form: 'sha1', password: createHash('sha1').update('x').digest('base64') },
        ],
        tokens: ['t1', 't2', 't3'],
        keys: ['k1', 'k2'],
      },
      faults: [],
    })
  })

  it.each([
    ['passwordFile', '\n', 'it is empty'],
    ['htpasswdFile', '# nobody\n', 'it is empty'],
    ['htpasswdFile', 'ann:x\nswordfish\n', 'line 2 is not user:password'],
    ['htpasswdFile', 'ann:$2y$05$swordfish', 'line 1 holds a slow hash'],
    ['htpasswdFile', 'ann:$apr1$swordfish', 'line 1 holds a slow hash'],
    ['htpasswdFile', 'ann:{SHA}c3dvcmRmaXNo', 'line 1 holds a digest of a wrong length'],
    ['bearerFile', ' \n', 'it is empty'],
    ['bearerFile', 'good\nsword fish', 'line 2 holds blanks'],
    ['keysFile', 'swordfish-é', 'line 1 holds blanks or what is not ASCII'],
    ['keysFile', 'a'.repeat(1_100_000), 'larger than 1MiB'],
  ])('finds fault with %s that holds %j, and repeats nothing of it', async (key, text, message) => {
    const path = await file('f', text)
    const auth = listenerAuth.parse(
      key === 'passwordFile'
        ? { basic: [{ user: 'a', passwordFile: path }] }
        : key === 'keysFile'
          ? { apiKey: { keysFile: path } }
          : { [key]: path },
    )
    const { faults } = await readCredentials(auth)
    expect(faults).toEqual([{ path: expect.arrayContaining([key]), message: expect.stringContaining(message) }])
    expect(JSON.stringify(faults)).not.toMatch(/swordfish|c3dv/)
  })

  it('names every file that is not there', async () => {
    const auth = listenerAuth.parse({ basic: [{ user: 'a', passwordFile: '/x' }], bearerFile: '/y', apiKey: { keysFile: '/z' } })
    const { faults } = await readCredentials(auth)
    expect(faults.map(({ path }) => path.join('.'))).toEqual(['basic.0.passwordFile', 'bearerFile', 'apiKey.keysFile'])
  })
})

describe('listenerAuth', () => {
  it.each([
    ['nothing at all', {}],
    ['an empty token, as an unset variable gives it', { bearer: [''] }],
    ['an empty password', { basic: [{ user: 'a', password: '' }] }],
    ['a user without a password', { basic: [{ user: 'a' }] }],
    ['a user with two', { basic: [{ user: 'a', password: 'b', passwordFile: 'c' }] }],
    ['a name with a colon', { basic: [{ user: 'a:b', password: 'c' }] }],
    ['a key section without keys', { apiKey: {} }],
    ['a token with a blank', { bearer: ['a b'] }],
    ['an exception that is no path', { bearer: ['a'], except: ['health'] }],
  ])('refuses %s', (_name, auth) => {
    expect(listenerAuth.safeParse(auth).success).toBe(false)
  })
})
