/**
 * Writes what is generated: docs/reference/*.md, the rules in docs/mapping/*.md and schema/*.json. `--write` writes, `--check` fails when a file is
 * not what would be written.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parityReportSchema } from '../src/parity/report-schema.ts'
import { backfillPage } from './reference/backfill.ts'
import { cliPage } from './reference/cli.ts'
import { configurationPage, configurationSchema } from './reference/configuration.ts'
import { conversionCodesPage, conversionReportSchema } from './reference/conversion-codes.ts'
import { sentencesOf, withRules } from './reference/rules.ts'
import { errorsPage, metricsPage } from './reference/tables.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

const readOr = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // Not there yet: as stale as can be.
    return ''
  }
}

const mapping = (format: keyof typeof sentencesOf) => (): string =>
  withRules(readOr(`${root}docs/mapping/${format}.md`), sentencesOf[format])

const pages: Readonly<Record<string, () => string | Promise<string>>> = {
  'docs/reference/configuration.md': configurationPage,
  'docs/reference/cli.md': cliPage,
  'docs/reference/backfill.md': backfillPage,
  'docs/reference/errors.md': errorsPage,
  'docs/reference/metrics.md': metricsPage,
  'docs/reference/conversion-codes.md': conversionCodesPage,
  'docs/mapping/jaeger.md': mapping('jaeger'),
  'docs/mapping/zipkin.md': mapping('zipkin'),
  'schema/otlp-bridge.schema.json': configurationSchema,
  'schema/parity-report.schema.json': parityReportSchema,
  'schema/conversion-report.schema.json': conversionReportSchema,
}

const made = await Promise.all(Object.entries(pages).map(async ([name, make]) => ({ name, file: `${root}${name}`, text: await make() })))
const stale = made.filter(({ file, text }) => readOr(file) !== text)

if (process.argv.includes('--write')) {
  for (const { name, file, text } of stale) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    console.log(`written: ${name}`)
  }
} else {
  for (const { name } of stale) console.error(`stale: ${name}`)
  if (stale.length > 0) {
    console.error('run `npm run docs`')
    process.exitCode = 1
  }
}
