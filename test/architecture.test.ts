/** Holds the arrows of the house: which folder may import which. Types count too: knowing a type is knowing the other side. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'oxc-parser'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Source {
  /** `src/ingest/http.ts` */
  readonly file: string
  readonly text: string
  /** Own files that it imports, types included, as paths from the root. */
  readonly imports: readonly string[]
  /** Packages and `node:` modules. */
  readonly packages: readonly string[]
}

const filesBelow = (folder: string): string[] =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
        .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    : []

function read(file: string): Source {
  const text = readFileSync(join(root, file), 'utf8')
  const { module, errors } = parseSync(file, text)
  expect(errors, file).toEqual([])
  const specifiers = [
    ...module.staticImports.map((one) => one.moduleRequest.value),
    ...module.staticExports.flatMap((one) => one.entries.flatMap((entry) => entry.moduleRequest?.value ?? [])),
    ...module.dynamicImports.flatMap(({ moduleRequest: { start, end } }) => /^['"](.*)['"]$/.exec(text.slice(start, end))?.[1] ?? []),
  ]
  return {
    file,
    text,
    imports: specifiers.filter((one) => one.startsWith('.')).map((one) => relative(root, join(root, dirname(file), one))),
    packages: specifiers.filter((one) => !one.startsWith('.')),
  }
}

const sources = ['src', 'dashboards'].flatMap(filesBelow).map(read)

/** Imports of `from` that are not among what is allowed, as `file → import`. */
const strays = (from: RegExp, allowed: readonly RegExp[]): string[] =>
  sources
    .filter(({ file }) => from.test(file))
    .flatMap(({ file, imports }) => imports.filter((one) => !allowed.some((pattern) => pattern.test(one))).map((one) => `${file} → ${one}`))

/** Imports of something below `target` from outside of `allowed`. */
const intruders = (target: RegExp, allowed: readonly RegExp[]): string[] =>
  sources
    .filter(({ file }) => !allowed.some((pattern) => pattern.test(file)))
    .flatMap(({ file, imports }) => imports.filter((one) => target.test(one)).map((one) => `${file} → ${one}`))

const folders = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)

/** Carriers bring other formats' payloads over another protocol: they have no translator. */
const carriers = ['beats', 'kafka', 'otlp']
const formats = [...new Set([...folders('src/translate'), ...folders('src/ingest')])].filter((one) => !carriers.includes(one))

const errors = /^src\/errors\.ts$/
const leaves = [/^src\/telemetry\//, /^src\/net\//, /^src\/config\/units\.ts$/]

describe('arrows', () => {
  it('otlp imports only errors.ts', () => {
    expect(strays(/^src\/otlp\//, [/^src\/otlp\//, errors])).toEqual([])
  })

  it('translate imports only otlp, and errors.ts; its sections of the configuration know units', () => {
    const allowed = [/^src\/translate\//, /^src\/otlp\//, errors]
    expect(strays(/^src\/translate\/(?!\w+\/config\.ts$)/, allowed)).toEqual([])
    expect(strays(/^src\/translate\/\w+\/config\.ts$/, [...allowed, /^src\/config\/units\.ts$/])).toEqual([])
  })

  it('otlp, translate and dashboards read no clock, no randomness, no environment', () => {
    const impure = /\b(Date\.now|new Date\(\)|Math\.random|performance\.now|process\.env|setTimeout)\b/
    const found = sources.filter(({ file, text }) => /^(src\/(otlp|translate)|dashboards)\//.test(file) && impure.test(text))
    expect(found.map(({ file }) => file)).toEqual([])
  })

  it('ingest never imports emit, cli, pipeline or admin', () => {
    expect(strays(/^src\/ingest\//, [/^src\/(ingest|translate|otlp)\//, errors, ...leaves])).toEqual([])
  })

  it('emit knows neither ingest nor translate, but for the types of the intake', () => {
    expect(strays(/^src\/emit\//, [/^src\/(emit|otlp)\//, errors, ...leaves])).toEqual([])
  })

  it('decoders import their model, the thrift cursors, what all decoders share, and nothing that listens', () => {
    const allowed = [
      /^src\/translate\/[^/]+\/(model|keys|fields)\.ts$/,
      /^src\/ingest\/(thrift|limits|exact-json|json-scan|json-names)\.ts$/,
      /^src\/ingest\/[^/]+\/(decode|json)-[^/]+\.ts$/,
      /^src\/otlp\//,
      errors,
    ]
    expect(strays(/^src\/ingest\/[^/]+\/decode-[^/]*\.ts$/, allowed)).toEqual([])
  })

  it('no format imports a sibling format', () => {
    const found = formats.flatMap((one) =>
      formats
        .filter((other) => other !== one)
        .flatMap((other) =>
          sources
            .filter(({ file }) => file.startsWith(`src/ingest/${one}/`) || file.startsWith(`src/translate/${one}/`))
            .flatMap(({ file, imports }) =>
              imports
                .filter((path) => path.includes(`/ingest/${other}/`) || path.includes(`/translate/${other}/`))
                .map((path) => `${file} → ${path}`),
            ),
        ),
    )
    expect(found).toEqual([])
  })

  it('carriers know no format, and nobody but the list of formats knows them', () => {
    const folder = `(${carriers.join('|')})`
    const ofFormat = new RegExp(`^src/(ingest|translate)/(${formats.join('|')})/`)
    const found = sources.filter(({ file }) => new RegExp(`^src/ingest/${folder}/`).test(file))
    expect(found.flatMap(({ file, imports }) => imports.filter((one) => ofFormat.test(one)).map((one) => `${file} → ${one}`))).toEqual([])
    for (const one of carriers) {
      const config = one === 'kafka' ? [/^src\/preflight\/kafka\.ts$/] : []
      expect(intruders(new RegExp(`^src/ingest/${one}/`), [new RegExp(`^src/ingest/(${one}/|index\\.ts$)`), ...config])).toEqual([])
    }
  })

  it('sampling knows the wire and the leaves, and reaches listeners as a function alone', () => {
    const allowed = [/^src\/sampling\//, /^src\/otlp\/decode\/reader\.ts$/, errors, /^src\/telemetry\//, /^src\/config\/units\.ts$/]
    expect(strays(/^src\/sampling\//, allowed)).toEqual([])
    const users = /^src\/(sampling\/|pipeline\.ts$|config\/compose\.ts$)/
    expect(intruders(/^src\/sampling\//, [users])).toEqual([])
  })

  it('seam knows the intake and the leaves; the pipeline has it, and a back-fill reads what it wrote', () => {
    expect(strays(/^src\/seam\//, [/^src\/(seam|otlp)\//, errors, /^src\/telemetry\//])).toEqual([])
    expect(intruders(/^src\/seam\//, [/^src\/seam\//, /^src\/pipeline\.ts$/, /^src\/backfill\/seam-[a-z]+\.ts$/])).toEqual([])
  })

  it('telemetry, net and units are leaves', () => {
    expect(strays(/^src\/(telemetry|net)\//, [/^src\/(telemetry|net)\//, errors, /^src\/config\/units\.ts$/])).toEqual([])
    expect(strays(/^src\/config\/units\.ts$/, [])).toEqual([])
  })

  it('only the command line imports the pipeline, and the workers that it starts', () => {
    expect(intruders(/^src\/pipeline\.ts$/, [/^src\/(cli|workers)\//, /^src\/main\.ts$/])).toEqual([])
  })

  it.each(['workers', 'preflight', 'import-config'])('the command line alone imports %s', (room) => {
    expect(intruders(new RegExp(`^src/${room}/`), [new RegExp(`^src/(cli|${room})/`)])).toEqual([])
  })

  it('preflight and import-config look at a configuration and start nothing', () => {
    const starts = [
      /^src\/(pipeline|reload)\.ts$/,
      /^src\/(workers|admin)\//,
      /^src\/ingest\/(index|http|grpc|udp)\.ts$/,
      /^src\/emit\/create\.ts$/,
    ]
    const found = sources.filter(({ file }) => /^src\/(preflight|import-config)\//.test(file))
    expect(
      found.flatMap(({ file, imports }) =>
        imports.filter((one) => starts.some((pattern) => pattern.test(one))).map((one) => `${file} → ${one}`),
      ),
    ).toEqual([])
    expect(strays(/^src\/import-config\//, [/^src\/import-config\//, /^src\/config\//, errors])).toEqual([])
  })

  it('only the pipeline builds emit and admin, and a bridge of several workers its one admin port', () => {
    const built = /^src\/(emit\/create|admin\/routes|ingest\/index)\.ts$/
    const formatList = /^src\/(config\/compose|cli\/(translate|preflight)|backfill\/.*)\.ts$/
    expect(intruders(built, [/^src\/pipeline\.ts$/, /^src\/workers\/fleet\.ts$/, formatList])).toEqual([])
  })

  it('dashboards know the translators and what they write, and the command line alone, when it needs them, knows dashboards', () => {
    expect(strays(/^dashboards\//, [/^dashboards\//, /^src\/translate\//, /^src\/otlp\/semconv\.ts$/, errors])).toEqual([])
    expect(intruders(/^dashboards\//, [/^dashboards\//, /^src\/cli\/convert[a-z-]*\.ts$/, /^src\/config\/user-mapping\.ts$/])).toEqual([])
    const packages = new Set(sources.filter(({ file }) => file.startsWith('dashboards/')).flatMap((one) => one.packages))
    expect(
      [...packages].filter(
        (one) => !/^(zod|yaml|@lezer\/(common|lr)|@grafana\/lezer-(logql|traceql)|@prometheus-io\/lezer-promql)$/.test(one),
      ),
    ).toEqual([])
    const early = /^import (?!type )[^'"]*['"]\.\.\/\.\.\/dashboards\//m
    expect(sources.filter(({ file, text }) => file.startsWith('src/') && early.test(text)).map(({ file }) => file)).toEqual([])
  })

  it('nobody imports the command line but main', () => {
    expect(intruders(/^src\/cli\//, [/^src\/cli\//, /^src\/main\.ts$/])).toEqual([])
  })

  it('no file imports itself by way of others', () => {
    const importsOf = new Map(sources.map(({ file, imports }) => [file, imports]))
    const open: string[] = []
    const done = new Set<string>()
    const circles: string[] = []
    const walk = (file: string): void => {
      const at = open.indexOf(file)
      if (at >= 0) circles.push([...open.slice(at), file].join(' → '))
      if (at >= 0 || done.has(file)) return
      open.push(file)
      importsOf.get(file)?.forEach(walk)
      open.pop()
      done.add(file)
    }
    for (const { file } of sources) walk(file)
    expect(circles).toEqual([])
  })

  it('what takes long to load is loaded only when it is needed', () => {
    const lazy = ['yaml', 'prom-client', '@platformatic/kafka', '@grpc/grpc-js', 'fastify', 'undici', 'snappy']
    const found = sources.flatMap(({ file, text }) =>
      lazy
        .filter((name) => !file.startsWith('dashboards/') || name !== 'yaml')
        .filter((name) => new RegExp(`^import (?!type )[^'"]*['"]${name}['"]`, 'm').test(text))
        .map((name) => `${file} → ${name}`),
    )
    expect(found).toEqual([])
  })
})

describe('formats', () => {
  it.each(formats)('%s is whole: translator, config, listener, recorded cases', (format) => {
    for (const file of [`src/translate/${format}/model.ts`, `src/translate/${format}/to-otlp.ts`, `src/ingest/${format}/config.ts`]) {
      expect(existsSync(join(root, file)), file).toBe(true)
    }
    expect(folders(`fixtures/${format}`).length).toBeGreaterThan(0)
  })
})

describe('sources', () => {
  const own = [
    ...sources,
    ...['test', 'scripts', 'bench'].flatMap(filesBelow).map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') })),
  ]

  it('stay within 500 lines a file', () => {
    expect(own.filter(({ text }) => text.split('\n').length > 501).map(({ file }) => file)).toEqual([])
  })

  it('end the process in main only', () => {
    expect(sources.filter(({ file, text }) => file !== 'src/main.ts' && /process\.exit\(/.test(text)).map(({ file }) => file)).toEqual([])
  })

  it('use named exports only', () => {
    expect(sources.filter(({ text }) => /^export (default|\*)/m.test(text)).map(({ file }) => file)).toEqual([])
  })

  it('hold no any and no non-null assertion', () => {
    const found = sources.flatMap(({ file, text }) => {
      const nodes: string[] = []
      const walk = (node: unknown): void => {
        if (typeof node !== 'object' || node === null) return
        if (Array.isArray(node)) {
          node.forEach(walk)
          return
        }
        const { type, start } = node as { type?: unknown; start?: number }
        if (type === 'TSAnyKeyword' || type === 'TSNonNullExpression')
          nodes.push(`${file}:${text.slice(0, start).split('\n').length} ${type}`)
        Object.values(node).forEach(walk)
      }
      walk(parseSync(file, text).program)
      return nodes
    })
    expect(found).toEqual([])
  })
})
