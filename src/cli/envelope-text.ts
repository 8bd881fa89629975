/** A mirrored request as it is shown: credentials are masked, what is no text is Base64. */

import { masked } from '../config/mask.ts'
import { decodeEnvelope } from '../mirror/envelope.ts'

const secretHeader =
  /^(authorization|proxy-authorization|cookie|set-cookie|.*(token|password|passphrase|secret|api[-_]?key|credentials?).*)$/i

const secretParameter = /^(.*(token|password|passphrase|secret|api[-_]?key|credentials?).*|authorization|sig|signature)$/i

const utf8 = new TextDecoder('utf-8', { fatal: true })

const bodyOf = (body: Uint8Array): Readonly<Record<string, string>> => {
  try {
    return { body: utf8.decode(body) }
  } catch {
    return { bodyBase64: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('base64') }
  }
}

const targetOf = (target: string): string => {
  const at = target.indexOf('?')
  if (at === -1) return target
  const parameters = target
    .slice(at + 1)
    .split('&')
    .map((one) => {
      const name = one.split('=', 1)[0] ?? ''
      return secretParameter.test(name) && one.includes('=') ? `${name}=${masked}` : one
    })
  return `${target.slice(0, at)}?${parameters.join('&')}`
}

/** Head and body of an envelope. Throws OB_DECODE_JSON for what is none. */
export function envelopeAsJson(data: Uint8Array): object {
  const { head, body } = decodeEnvelope(data)
  const headers: [name: string, value: string][] = []
  for (let at = 0; at + 1 < head.headers.length; at += 2) {
    const name = head.headers[at] as string
    headers.push([name, secretHeader.test(name) ? masked : (head.headers[at + 1] as string)])
  }
  return { ...head, target: targetOf(head.target), headers, ...bodyOf(body) }
}
