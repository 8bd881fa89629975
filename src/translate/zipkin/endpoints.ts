/** Endpoints → attributes (rules Z-E3 to Z-E14). */

import { intValue, isEmptyText, keyValue, textValue } from '../../otlp/attributes.ts'
import { type Key, type KeyValue, type Text, ValueType } from '../../otlp/model.ts'
import { addressOfBytes, Family, formatIpv4, isDottedQuad, noAddress, parseAddress } from './addresses.ts'
import { Target, targetKeys } from './keys.ts'
import { noEndpoint, noName, type ZipkinEndpoint } from './model.ts'

/** Places in `targetKeys` of what an endpoint on one side becomes. */
interface Side {
  readonly address: number
  readonly port: number
  readonly ipv4: number
  readonly ipv6: number
  readonly portText: number
}

export const localSide: Side = {
  address: Target.LocalAddress,
  port: Target.LocalPort,
  ipv4: Target.LocalIpv4,
  ipv6: Target.LocalIpv6,
  portText: Target.LocalPortText,
}

export const remoteSide: Side = {
  address: Target.PeerAddress,
  port: Target.PeerPort,
  ipv4: Target.RemoteIpv4,
  ipv6: Target.RemoteIpv6,
  portText: Target.RemotePortText,
}

/** Appends an attribute unless a tag has taken its key. */
export function pushTarget(
  attributes: KeyValue[],
  taken: number,
  target: number,
  type: number,
  a: number,
  b: number,
  ref: KeyValue['ref'],
): void {
  if ((taken & (1 << target)) === 0) attributes.push(keyValue(targetKeys[target] as Key, type, a, b, ref))
}

function pushText(attributes: KeyValue[], taken: number, target: number, text: Text): void {
  if ((taken & (1 << target)) === 0) attributes.push(textValue(targetKeys[target] as Key, text))
}

/** Appends address and port. @param taken mask of the keys that tags have: see `Target` */
export function pushEndpoint(attributes: KeyValue[], endpoint: ZipkinEndpoint, side: Side, taken: number): void {
  if (endpoint === noEndpoint) return
  const { ipv4, port } = endpoint
  if (endpoint.ipv6 === '' && endpoint.ipv6Bytes === undefined) {
    // The common case: one IPv4 address, or none.
    if (endpoint.ipv4Word !== 0) pushTarget(attributes, taken, side.address, ValueType.String, 0, 0, formatIpv4(endpoint.ipv4Word))
    else if (typeof ipv4 !== 'string' && isDottedQuad(ipv4)) {
      pushTarget(attributes, taken, side.address, ValueType.Text, ipv4.start, ipv4.end, ipv4.source)
    } else if (!isEmptyText(ipv4)) pushAddresses(attributes, endpoint, side, taken)
  } else pushAddresses(attributes, endpoint, side, taken)
  if (port > 0) {
    if (port <= 65535) pushTarget(attributes, taken, side.port, ValueType.Int, 0, port, null)
    else if ((taken & (1 << side.portText)) === 0 && Number.isSafeInteger(port)) {
      attributes.push(intValue(targetKeys[side.portText] as Key, port))
    }
  }
}

function pushAddresses(attributes: KeyValue[], endpoint: ZipkinEndpoint, side: Side, taken: number): void {
  const first =
    endpoint.ipv4Word !== 0
      ? { family: Family.V4, text: formatIpv4(endpoint.ipv4Word) }
      : isEmptyText(endpoint.ipv4)
        ? noAddress
        : parseAddress(endpoint.ipv4)
  const second =
    endpoint.ipv6Bytes !== undefined
      ? addressOfBytes(endpoint.ipv6Bytes)
      : isEmptyText(endpoint.ipv6)
        ? noAddress
        : parseAddress(endpoint.ipv6)
  // IPv4 is the address where there are both; of two of one family the field's own.
  const swapped = second.family === Family.V4 && first.family === Family.V6
  const main = swapped || first.family === Family.None ? second : first
  const other = main === first ? second : first
  if (main.family !== Family.None) pushText(attributes, taken, side.address, main.text)
  if (other.family !== Family.None) pushText(attributes, taken, side.ipv6, other.text)
  if (first.family === Family.None && !isEmptyText(endpoint.ipv4)) pushText(attributes, taken, side.ipv4, endpoint.ipv4)
  if (second.family === Family.None && !isEmptyText(endpoint.ipv6)) pushText(attributes, taken, side.ipv6, endpoint.ipv6)
}

/** How many fields of an endpoint gave way to a tag of the same key (rule Z-E13): they are counted, because they are gone. */
export function overruled(endpoint: ZipkinEndpoint, side: Side, taken: number): number {
  if (taken === 0 || endpoint === noEndpoint) return 0
  const hasAddress =
    endpoint.ipv4Word !== 0 || !isEmptyText(endpoint.ipv4) || endpoint.ipv6Bytes !== undefined || !isEmptyText(endpoint.ipv6)
  const address = hasAddress && (taken & (1 << side.address)) !== 0 ? 1 : 0
  const port = endpoint.port > 0 && (taken & (1 << side.port)) !== 0 ? 1 : 0
  const name = side === remoteSide && endpoint.serviceName !== noName && (taken & (1 << Target.PeerService)) !== 0 ? 1 : 0
  return address + port + name
}

/** Appends the name of the other side. @param extra also under the newer name */
export function pushPeer(attributes: KeyValue[], endpoint: ZipkinEndpoint, taken: number, extra: boolean): void {
  const { serviceName } = endpoint
  if (serviceName === noName || serviceName.text === '') return
  pushTarget(attributes, taken, Target.PeerService, ValueType.String, 0, 0, serviceName.text)
  if (extra) pushTarget(attributes, taken, Target.ServicePeerName, ValueType.String, 0, 0, serviceName.text)
}
