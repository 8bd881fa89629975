/** `npm run build`: src → dist, as JavaScript, with the files of the live page. Skipped, and said so, where TypeScript is not installed. */

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = `${root}node_modules/typescript/bin/tsc`
/** Beside its place, then renamed: a build that fails leaves the old one as it was. */
const next = `${root}dist.next`

const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true })

if (!existsSync(compiler)) {
  console.error('build: TypeScript is not installed (npm install --omit=dev?), dist is left as it is')
} else {
  remove(next)
  const { status } = spawnSync(process.execPath, [compiler, '-p', `${root}tsconfig.build.json`, '--outDir', next], { stdio: 'inherit' })
  if (status === 0) {
    cpSync(`${root}src/admin/page`, `${next}/admin/page`, { recursive: true })
    remove(`${root}dist`)
    renameSync(next, `${root}dist`)
  } else remove(next)
  process.exitCode = status ?? 1
}
