/** Whose data a request brings: by its path, or by the header of Mimir, Cortex and Loki. */

import type { IncomingMessage } from 'node:http'
import { BridgeError } from '../../errors.ts'
import { tenantPart } from './config.ts'

/** Text that can stand in a label and in a log line. */
const visible = /^[\x20-\x7e]*$/

/**
 * Creates the reader of tenants for one path. It gives the empty text where none is named, and OB_TENANT for a name that is too long,
 * badly escaped or not visible ASCII. A path that names the tenant wins over the header.
 * @param path as in the configuration: `/insert/{tenant}/prometheus/api/v1/write`. @param maxBytes `limits.tenant`
 */
export function createTenantReader(path: string, maxBytes: number): (request: IncomingMessage) => string | BridgeError {
  // Behind so many slashes the tenant begins, whatever it is.
  const part = path.split('/').indexOf(tenantPart)

  const check = (tenant: string, where: string): string | BridgeError => {
    if (tenant.length <= maxBytes && visible.test(tenant)) return tenant
    const why =
      tenant.length > maxBytes ? `is longer than ${maxBytes} bytes (ingest.prometheus.limits.tenant)` : 'holds other than visible ASCII'
    return new BridgeError('OB_TENANT', `cannot take the request: the tenant in ${where} ${why}`)
  }

  return (request) => {
    if (part > 0) return check(partOf(request.url ?? '', part), 'its path')
    const header = request.headers['x-scope-orgid']
    if (header === undefined) return ''
    return check(Array.isArray(header) ? header.join(', ') : header, 'X-Scope-OrgID')
  }
}

/** One part of the path of a request's target, unescaped; as it stands when it cannot be. */
function partOf(url: string, part: number): string {
  const path = (url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/]*/i, '')).split('?', 1)[0] ?? ''
  const text = path.split('/')[part] ?? ''
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    // Refused as what it is: bytes that are no text.
    return '\ufffd'
  }
}
