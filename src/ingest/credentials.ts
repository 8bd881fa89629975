/** The credentials that a section `auth` names: literal ones, and those in files. */

import { readFile } from 'node:fs/promises'
import type { ListenerAuth } from './schema.ts'

/** How a password is kept: as it is, or as its digest in base64. */
export type PasswordForm = 'plain' | 'sha1' | 'sha256'

export interface User {
  readonly user: string
  readonly form: PasswordForm
  /** In the form above. */
  readonly password: string
}

export interface Credentials {
  readonly users: readonly User[]
  readonly tokens: readonly string[]
  readonly keys: readonly string[]
}

export interface CredentialFault {
  /** Below `auth`: `['basic', 0, 'passwordFile']`. */
  readonly path: readonly (string | number)[]
  /** What is wrong, without anything out of the file. */
  readonly message: string
}

export interface CredentialsRead {
  readonly credentials: Credentials
  readonly faults: readonly CredentialFault[]
}

/** Every file that a section names. */
export function credentialFiles(auth: ListenerAuth): string[] {
  const files = [...auth.basic.map((one) => one.passwordFile), auth.htpasswdFile, auth.bearerFile, auth.apiKey?.keysFile]
  return files.filter((one) => one !== undefined)
}

/** More than any list of credentials holds. */
const largestFile = 1024 * 1024

/** A fault on its way to the list. */
class Unusable extends Error {}

async function readText(file: string): Promise<string> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw new Unusable(`cannot read the file: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
  if (text.length > largestFile) throw new Unusable('cannot use the file: it is larger than 1MiB')
  return text
}

/** Lines that are neither empty nor a comment, with their numbers. */
function linesOf(text: string): (readonly [line: string, number: number])[] {
  return text
    .split(/\r?\n/)
    .map((line, at) => [line.trim(), at + 1] as const)
    .filter(([line]) => line !== '' && !line.startsWith('#'))
}

const visible = /^[\x21-\x7e]+$/

function secretsIn(text: string): string[] {
  const lines = linesOf(text)
  if (lines.length === 0) throw new Unusable('cannot use the file: it is empty')
  return lines.map(([line, number]) => {
    if (!visible.test(line)) throw new Unusable(`cannot use the file: line ${number} holds blanks or what is not ASCII`)
    return line
  })
}

function passwordIn(text: string): string {
  const password = text.replace(/[\r\n]+$/, '')
  if (password === '') throw new Unusable('cannot use the file: it is empty')
  return password
}

function usersIn(text: string): User[] {
  const lines = linesOf(text)
  if (lines.length === 0) throw new Unusable('cannot use the file: it is empty')
  return lines.map(([line, number]) => {
    const [, user, stored] = /^([^:]+):(.+)$/.exec(line) ?? []
    if (user === undefined || stored === undefined) throw new Unusable(`cannot use the file: line ${number} is not user:password`)
    if (/^\$(2[abxy]|apr1|[156y])\$/.test(stored)) {
      throw new Unusable(
        `cannot use the file: line ${number} holds a slow hash (bcrypt, MD5-crypt or its like), which would cost more than the request; use {SHA256} or {SHA}`,
      )
    }
    const [, form, digest] = /^\{(SHA|SHA256)\}([A-Za-z0-9+/]+=*)$/.exec(stored) ?? []
    if (digest === undefined) return { user, form: 'plain', password: stored }
    const bytes = Buffer.from(digest, 'base64')
    if (bytes.length !== (form === 'SHA' ? 20 : 32))
      throw new Unusable(`cannot use the file: line ${number} holds a digest of a wrong length`)
    return { user, form: form === 'SHA' ? 'sha1' : 'sha256', password: bytes.toString('base64') }
  })
}

/** Reads them all; what is wrong comes at once, and the credentials are whole only when nothing is. Never rejects. */
export async function readCredentials(auth: ListenerAuth): Promise<CredentialsRead> {
  const faults: CredentialFault[] = []
  const read = async <T>(path: CredentialFault['path'], file: string | undefined, parse: (text: string) => T[]): Promise<T[]> => {
    if (file === undefined) return []
    try {
      return parse(await readText(file))
    } catch (cause) {
      faults.push({ path, message: cause instanceof Error ? cause.message : String(cause) })
      return []
    }
  }
  const users: User[] = []
  for (const [at, { user, password, passwordFile }] of auth.basic.entries()) {
    if (password !== undefined) users.push({ user, form: 'plain', password })
    const found = await read(['basic', at, 'passwordFile'], passwordFile, (text) => [passwordIn(text)])
    users.push(...found.map((one): User => ({ user, form: 'plain', password: one })))
  }
  users.push(...(await read(['htpasswdFile'], auth.htpasswdFile, usersIn)))
  const tokens = [...auth.bearer, ...(await read(['bearerFile'], auth.bearerFile, secretsIn))]
  const keys = [...(auth.apiKey?.keys ?? []), ...(await read(['apiKey', 'keysFile'], auth.apiKey?.keysFile, secretsIn))]
  return { credentials: { users, tokens, keys }, faults }
}
