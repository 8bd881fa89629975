/**
 * The files of the page: read once. A build has them beside the compiled program; in a checkout without one they are bundled at the first request.
 */

import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

export interface PageFile {
  readonly type: string
  readonly data: Buffer
  /** Its name changes with its content. */
  readonly immutable: boolean
}

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
}

const folder = fileURLToPath(new URL('./page/', import.meta.url))

const fileOf = (name: string, data: Buffer): readonly [string, PageFile] => [
  name === 'index.html' ? '/' : `/${name}`,
  { type: types[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream', data, immutable: name !== 'index.html' },
]

async function read(): Promise<ReadonlyMap<string, PageFile>> {
  const names = (await readdir(folder)).filter((name) => /\.(html|js|css)$/.test(name))
  if (names.some((name) => name.endsWith('.js'))) {
    return new Map(await Promise.all(names.map(async (name) => fileOf(name, await readFile(`${folder}${name}`)))))
  }
  const { bundlePage } = await import('./page-bundle.ts')
  return new Map((await bundlePage(folder)).map(({ name, data }) => fileOf(name, data)))
}

let files: Promise<ReadonlyMap<string, PageFile>> | undefined

/** By their paths. Reads at the first call; a failure is not kept. */
export function pageFiles(): Promise<ReadonlyMap<string, PageFile>> {
  files ??= read().catch((error: unknown) => {
    files = undefined
    throw error
  })
  return files
}
