/** Uids of new dashboards: last sentence of section 8.3. */

const prime = 0x0000000001000000000000000000013bn
const basis = 0x6c62272e07bb014262b821756295c58dn
const mask = (1n << 128n) - 1n

/** FNV-1a of 128 bits over UTF-16 units, as hex: it only has to tell ids apart, and to be the same tomorrow. */
function hashOf(text: string): string {
  let hash = basis
  for (let at = 0; at < text.length; at++) hash = ((hash ^ BigInt(text.charCodeAt(at))) * prime) & mask
  return hash.toString(16).padStart(32, '0')
}

/** The saved object's id where Grafana takes it: at most 40 letters, digits, `_` and `-`; else a hash of it. */
export const uidOf = (id: string): string => (/^[A-Za-z0-9_-]{1,40}$/.test(id) ? id : hashOf(id))
