/** Secrets are never printed: not in faults, not in `check-config --print`, not in logs. */

import { isSection, type Path } from './tree.ts'

/** What stands in a secret's place. */
export const masked = '***'

const secretKey = /^(headers|authorization|auth|.*(token|password|passphrase|secret|api-?key|credentials?))$/i

/** What stands below `auth` and is none: who, where, and which file. */
const plainBelowAuth = /^(user|header|except|reload|.+File)$/

/** True when what stands at or below this path is a secret: header values, tokens, passwords. */
export function isSecret(path: Path): boolean {
  const last = path.findLast((part) => typeof part === 'string')
  // Options of a source of history: `user` is name and password, `header` whole lines.
  if (path[0] === 'backfill' && path[1] === 'sources' && /^(user|header)$/.test(String(path[3]))) return true
  if (path.includes('auth') && !path.includes('headers') && last !== undefined && plainBelowAuth.test(last)) return false
  return path.some((part) => typeof part === 'string' && secretKey.test(part))
}

/** `https://user:pass@host/` → `https://***@host/`, anywhere in a text. */
export function maskUserinfo(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/?#\s@]*@/gi, `$1${masked}@`)
}

/** A copy of a configuration value fit for printing: secrets by their path, userinfo in URLs wherever it stands. */
export function maskSecrets(value: unknown, path: Path = []): unknown {
  if (Array.isArray(value)) return value.map((one, at) => maskSecrets(one, [...path, at]))
  if (isSection(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, maskSecrets(one, [...path, key])]))
  }
  if (value === undefined || value === null || typeof value === 'boolean') return value
  if (isSecret(path)) return masked
  return typeof value === 'string' ? maskUserinfo(value) : value
}
