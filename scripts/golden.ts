/** `npm run golden -- --write`: writes `out.json` and `drops.json` of every case in `fixtures/`. Without `--write` only tells what differs. */

import { writeFileSync } from 'node:fs'
import { goldenCases } from '../test/support/golden.ts'

for (const { name, folder, expected, run } of goldenCases()) {
  const now = await run()
  if (now.out === expected.out && now.drops === expected.drops) continue
  if (!process.argv.includes('--write')) {
    console.error(`differs: ${name}`)
    process.exitCode = 1
    continue
  }
  writeFileSync(`${folder}out.json`, now.out)
  writeFileSync(`${folder}drops.json`, now.drops)
  console.log(`written: ${name}`)
}
