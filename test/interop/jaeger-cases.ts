/** Requests put to the thrift-over-HTTP port of Jaeger v2 and to the bridge's, and the answers in which the two may differ. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateSync, gzipSync } from 'node:zlib'
import type { Accepted, Case } from './answers.ts'

const thrift = 'application/x-thrift'

const post = (
  name: string,
  headers: Record<string, string>,
  body: Uint8Array,
  compare: Case['compare'] = 'text',
  path = '/api/traces',
): Case => ({
  name,
  method: 'POST',
  path,
  headers,
  body,
  compare,
  sameHeaders: ['content-length'],
})

/** Every `Batch` among the vectors, as a client would post it. */
export function batchCases(folder: string): Case[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.http.bin'))
    .map((file) => post(file, { 'content-type': thrift }, readFileSync(join(folder, file))))
}

/** Requests by the rules of §8, around one good batch. */
export function handMade(good: Uint8Array): Case[] {
  const typed = (type: string, compare: Case['compare'] = 'text'): Case =>
    post(`content type "${type}"`, { 'content-type': type }, good, compare)
  const other = (method: string): Case => ({ name: method, method, path: '/api/traces', headers: {}, compare: 'status' })
  const body = (name: string, hex: string): Case => post(name, { 'content-type': thrift }, Buffer.from(hex, 'hex'), 'start')
  return [
    typed(thrift),
    typed('application/vnd.apache.thrift.binary'),
    typed('application/x-thrift; charset=utf-8'),
    typed('Application/X-Thrift'),
    post('a format in the query', { 'content-type': thrift }, good, 'text', '/api/traces?format=jaeger.thrift'),
    typed('application/json'),
    typed('weird'),
    typed('a/<b>', 'start'),
    typed('text/plain; x', 'start'),
    typed('weird;;=', 'start'),
    post('no content type', {}, good),
    body('empty body', ''),
    post('a word', { 'content-type': thrift }, Buffer.from('hello'), 'start'),
    body('33,554,432 spans declared', '0f00020c02000000'),
    body('a batch of nothing', '00'),
    post('cut off', { 'content-type': thrift }, good.subarray(0, 60), 'start'),
    post('bytes after the batch', { 'content-type': thrift }, Buffer.concat([good, Buffer.from('xx')])),
    post('gzip', { 'content-type': thrift, 'content-encoding': 'gzip' }, gzipSync(good)),
    post('deflate', { 'content-type': thrift, 'content-encoding': 'deflate' }, deflateSync(good)),
    post('not gzip', { 'content-type': thrift, 'content-encoding': 'gzip' }, Buffer.from('hello'), 'status'),
    post('unknown encoding', { 'content-type': thrift, 'content-encoding': 'br' }, good, 'status'),
    other('GET'),
    other('PUT'),
    other('HEAD'),
    post('path with a slash', { 'content-type': thrift }, good, 'text', '/api/traces/'),
    post('unknown path', { 'content-type': thrift }, good, 'text', '/api/other'),
  ]
}

export const accepted: readonly Accepted[] = [
  {
    rule: 'J-H6',
    why: 'an encoding that is not taken has a status of its own',
    cases: ['unknown encoding'],
    status: 415,
    body: /./,
  },
]
