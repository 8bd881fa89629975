/** The flags that every source over HTTP has, and the client that is made of them. */

import { z } from 'zod'
import { duration } from '../../config/units.ts'
import { BridgeError } from '../../errors.ts'
import { createPatientClient, type PatientClient } from '../../read/patient-client.ts'
import type { SourceDeps } from '../source.ts'
import { readSourceTls, tlsFileKeys } from './sign-in.ts'

const httpUrl = z
  .string()
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), { error: 'expected a URL such as http://host:9200' })

const headerLine = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+: *[^\r\n\0]*$/, { error: 'expected a header such as "Name: value"' })

/** For `z.strictObject({ ...httpSourceKeys, … })`. Secrets that are not given are looked for in the environment; see {@link environmentOf}. */
export const httpSourceKeys = {
  url: httpUrl
    .meta({ secret: true })
    .describe('Where it is, with the path that everything is below: http://host:9200. User and password in it are kept secret.'),
  user: z
    .string()
    .regex(/^[^:]*:/, { error: 'expected name:password' })
    .optional()
    .meta({ secret: true })
    .describe(
      'Name and password for Basic authentication, as name:password. Better in OTLP_BRIDGE_SOURCE_USER: other users of the machine see flags.',
    ),
  apiKey: z
    .string()
    .min(1)
    .optional()
    .meta({ secret: true })
    .describe('API key, as `Authorization: ApiKey …`: encoded, or id:key. Better in OTLP_BRIDGE_SOURCE_API_KEY.'),
  header: z
    .array(headerLine)
    .default([])
    .meta({ secret: true })
    .describe('A header of every request, as "Name: value"; may be repeated. More of them, a line each, in OTLP_BRIDGE_SOURCE_HEADERS.'),
  ...tlsFileKeys,
  timeout: duration.default(60_000).describe('How long one request may take; what takes longer is asked again.'),
  gzip: z
    .boolean()
    .default(false)
    .describe('Asks for answers in gzip: for slow lines. On a fast one it only costs the source and us processor time.'),
} as const

export type HttpSourceOptions = z.output<z.ZodObject<typeof httpSourceKeys>>

/** The most that is taken as one answer. */
export const maxAnswerBytes = 64 * 2 ** 20

/** What is asked at the same time. */
const connections = 16

/** Secrets out of the environment; flags win. */
export function environmentOf(
  options: Pick<HttpSourceOptions, 'user' | 'apiKey' | 'header'>,
  env: Readonly<Record<string, string | undefined>>,
): Pick<HttpSourceOptions, 'user' | 'apiKey' | 'header'> {
  const isSigned = options.user !== undefined || options.apiKey !== undefined
  const lines = (env['OTLP_BRIDGE_SOURCE_HEADERS'] ?? '').split(/\r?\n/).filter((line) => line.trim() !== '')
  return {
    user: options.user ?? (isSigned ? undefined : env['OTLP_BRIDGE_SOURCE_USER']),
    apiKey: options.apiKey ?? (isSigned ? undefined : env['OTLP_BRIDGE_SOURCE_API_KEY']),
    header: [...lines, ...options.header],
  }
}

/** What identifies us, and what else stands in front of every request. Throws OB_CONFIG. */
export function headersOf(options: HttpSourceOptions, env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const { user, apiKey, header } = environmentOf(options, env)
  const headers: Record<string, string> = {}
  const url = new URL(options.url)
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
  if (url.username !== '') headers['authorization'] = basic(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`)
  if (user !== undefined && apiKey !== undefined) {
    throw new BridgeError('OB_CONFIG', 'cannot sign in at the source: --user and --api-key exclude each other', { place: 'user' })
  }
  if (user !== undefined) headers['authorization'] = basic(user)
  if (apiKey !== undefined) {
    headers['authorization'] = `ApiKey ${apiKey.includes(':') ? Buffer.from(apiKey).toString('base64') : apiKey}`
  }
  for (const line of header) {
    if (!headerLine.safeParse(line).success) {
      throw new BridgeError('OB_CONFIG', 'cannot use a header of OTLP_BRIDGE_SOURCE_HEADERS: expected lines such as "Name: value"', {
        place: 'header',
      })
    }
    const colon = line.indexOf(':')
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim()
  }
  return headers
}

/** Scheme, host, port and path: for names, ids and messages. */
export function publicUrl(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname.replace(/\/+$/, '')}`
}

/** Reads the TLS files; opens no connection yet. Rejects with OB_CONFIG. @param env for tests */
export async function createSourceClient(
  options: HttpSourceOptions,
  deps: Pick<SourceDeps, 'nowMs' | 'distress' | 'sleep'>,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<PatientClient> {
  const headers = headersOf(options, env)
  const { url, timeout, gzip } = options
  const tls = await readSourceTls(options, false)
  return createPatientClient(
    { url, headers, secureContext: tls?.context, timeoutMs: timeout, maxBytes: maxAnswerBytes, compress: gzip, connections },
    deps,
  )
}
