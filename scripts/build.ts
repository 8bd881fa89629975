/** `npm run build`: src → dist, as JavaScript, with the files of the live page. Skipped, and said so, where TypeScript is not installed. */

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = `${root}node_modules/typescript/bin/tsc`

if (!existsSync(compiler)) {
  console.error('build: TypeScript is not installed (npm install --omit=dev?), dist is left as it is')
} else {
  rmSync(`${root}dist`, { recursive: true, force: true })
  const { status } = spawnSync(process.execPath, [compiler, '-p', `${root}tsconfig.build.json`], { stdio: 'inherit' })
  cpSync(`${root}src/admin/page`, `${root}dist/admin/page`, { recursive: true })
  process.exitCode = status ?? 1
}
