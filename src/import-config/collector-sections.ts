/** Sections of a Collector's file, as its receivers, exporters and extensions have them. */

import { isSection, type Section } from '../config/tree.ts'
import type { TlsSettings } from './tls.ts'

/** The section that stands here; an empty one where there is none. */
export function sectionOf(value: unknown): Section {
  return isSection(value) ? value : {}
}

/** `otlp/2` → `otlp`. */
export function typeOf(name: string): string {
  return name.split('/', 1)[0] ?? name
}

/** What a section `tls` says; values that are no text count as absent. */
export function tlsOf(value: unknown): TlsSettings {
  const section = sectionOf(value)
  const text = (key: string): string | undefined => (typeof section[key] === 'string' ? section[key] : undefined)
  return {
    ca: text('ca_file'),
    cert: text('cert_file'),
    key: text('key_file'),
    clientCa: text('client_ca_file'),
    minVersion: text('min_version'),
  }
}
