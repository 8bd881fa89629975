/** `npm run build`: src and dashboards → dist, as JavaScript, with the files of the live page. Skipped, and said so, where TypeScript is not installed. */

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bundlePage } from '../src/admin/page-bundle.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = `${root}node_modules/typescript/bin/tsc`
/** Beside its place, then renamed: a build that fails leaves the old one as it was. */
const next = `${root}dist.next`

const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true })

if (!existsSync(compiler)) {
  console.error('build: TypeScript is not installed (npm install --omit=dev?), dist is left as it is')
} else {
  remove(next)
  const compile = (...options: readonly string[]): number | null =>
    spawnSync(process.execPath, [compiler, ...options], { stdio: 'inherit' }).status
  // The page knows a browser and no Node: a project of its own, checked here and bundled below.
  const status = compile('-p', `${root}src/admin/page`) || compile('-p', `${root}tsconfig.build.json`, '--outDir', next)
  if (status === 0) {
    const files = await bundlePage(`${root}src/admin/page/`)
    remove(`${next}/src/admin/page`)
    mkdirSync(`${next}/src/admin/page`, { recursive: true })
    for (const { name, data } of files) writeFileSync(`${next}/src/admin/page/${name}`, data)
    remove(`${root}dist`)
    renameSync(next, `${root}dist`)
  } else remove(next)
  process.exitCode = status ?? 1
}
