/** Good bodies of `_bulk`, damaged at random, and what must be said of each: an item for every action, or nothing of it is taken. */

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect } from 'vitest'
import { mutated } from '../../support/mutate.ts'
import { vectorFiles } from '../../support/shared.ts'
import { action, between } from './bulks.ts'
import { gzip } from './payloads.ts'
import type { Range } from './throw.ts'
import { bulk, expectAnswer, itemsOf } from './throw-bulk.ts'

const own = [
  between(
    'damaged',
    '{"@timestamp":"2024-01-01T00:00:00.123456789Z","log":{"level":"warn"},"trace.id":"0123456789abcdef0123456789abcdef","n":[1,2.5,-3e7,{"a":null}]}',
  ),
  `${action('index', 'logs', ',"_id":"1"')}{"message":"a\\u00e9\\n"}\n\n{"delete":{"_index":"a","_id":"2"}}\r\n{"update":{"_index":"a","_id":"3"}}\r\n{"doc":{}}\r\n`,
]

/** Bodies of requests: those of the vectors, where they are there, and some of ours. */
export const goodBodies: readonly Uint8Array[] = [
  ...own.map((text) => new Uint8Array(Buffer.from(text))),
  ...vectorFiles('elasticsearch')
    .filter((file) => file.endsWith('.ndjson'))
    .map((file) => new Uint8Array(readFileSync(file)))
    // The largest ones have nothing that the others do not have.
    .filter((body) => body.length < 100_000),
]

const isBlank = (line: string): boolean => /^[ \t\r]*$/.test(line)

/** How many actions a body has, if all of them can be read: told by their first word alone, line by line. */
export function countActions(body: Uint8Array): number {
  const lines = Buffer.from(body)
    .toString('latin1')
    .replace(/^\u00ef\u00bb\u00bf/, '')
    .split('\n')
  let actions = 0
  let isDue = false
  for (const line of lines.slice(0, -1)) {
    if (isDue) {
      if (line !== '' && line !== '\r') isDue = false
      continue
    }
    if (isBlank(line)) continue
    actions++
    isDue = !/^[ \t\r]*\{[ \t\r]*"delete"/.test(line)
  }
  return actions
}

/** Sends damaged bodies one after the other. Gives how often there was which status. @param runs how many. The seed is fixed: a failure is found again */
export async function throwMutations(range: Range, runs: number, seed: number): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {}
  for (const { bytes } of fc.sample(mutated(goodBodies), { numRuns: runs, seed, unbiased: true })) {
    const reply = await bulk(range, bytes, '/logs/_bulk')
    statuses[reply.status] = (statuses[reply.status] ?? 0) + 1
    expectAnswer(reply)
    if (reply.status === 200) expect(itemsOf(reply).length, Buffer.from(bytes).toString('latin1')).toBe(countActions(bytes))
    else expect(reply.status, reply.text).toBe(400)
  }
  return statuses
}

/** The same with bodies that were compressed before they were damaged. */
export async function throwGzipMutations(range: Range, runs: number, seed: number): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {}
  for (const { bytes } of fc.sample(mutated(goodBodies.map((body) => gzip(body))), { numRuns: runs, seed, unbiased: true })) {
    const reply = await bulk(range, bytes, '/logs/_bulk', { 'content-encoding': 'gzip' })
    statuses[reply.status] = (statuses[reply.status] ?? 0) + 1
    expectAnswer(reply)
    expect([200, 400, 413], reply.text).toContain(reply.status)
  }
  return statuses
}

/** Documents, one a request. */
export async function throwDocuments(range: Range, runs: number, seed: number): Promise<Record<number, number>> {
  const documents = goodBodies
    .flatMap((body) => Buffer.from(body).toString().split('\n'))
    .filter((line) => line.startsWith('{') && !/^\{ *"(create|index|delete|update)"/.test(line))
  const statuses: Record<number, number> = {}
  for (const { bytes } of fc.sample(mutated(documents.map((text) => new Uint8Array(Buffer.from(text)))), {
    numRuns: runs,
    seed,
    unbiased: true,
  })) {
    const reply = await bulk(range, bytes, '/logs/_doc', { 'content-type': 'application/json' })
    statuses[reply.status] = (statuses[reply.status] ?? 0) + 1
    expectAnswer201(reply)
  }
  return statuses
}

function expectAnswer201(reply: Parameters<typeof expectAnswer>[0]): void {
  if (reply.status === 201) expect(JSON.parse(reply.text)).toMatchObject({ _index: 'logs', result: 'created', _shards: { failed: 0 } })
  else {
    expect(reply.status, reply.text).toBe(400)
    expectAnswer(reply)
  }
}
