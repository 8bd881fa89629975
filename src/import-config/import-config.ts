/** A bridge configuration out of what ran before: Jaeger, Zipkin or the OpenTelemetry Collector. Nothing is guessed: what is not carried over is said. */

import { BridgeError } from '../errors.ts'
import { carryCollector } from './collector-yaml.ts'
import { createDraft, type Draft, type Finding } from './draft.ts'
import { carryJaegerFlags, flagOfEnv, readFlags } from './jaeger-flags.ts'
import { flattenFlags, type Launch, recognise } from './recognise.ts'
import { carryZipkinEnv, isZipkinVariable } from './zipkin-env.ts'

export interface Imported {
  /** The configuration, as it would stand in a file. */
  readonly config: Readonly<Record<string, unknown>>
  readonly findings: readonly Finding[]
}

/** Without a section `ingest` every endpoint would be started: what listened to nothing is to listen to nothing. */
function result(draft: Draft): Imported {
  if (!draft.has('ingest')) draft.imply('ingest', {})
  return { config: draft.tree, findings: draft.findings }
}

function carryLaunch(draft: Draft, { argv, env }: Launch): void {
  const { program, flags } = readFlags(argv, draft)
  const fromEnv = [...env].flatMap(([name, value]) => flagOfEnv(name, value) ?? [])
  const zipkin = /zipkin/.test(program ?? '') || [...env.keys()].some((name) => isZipkinVariable(name) && flagOfEnv(name, '') === undefined)
  if (zipkin && flags.length === 0) {
    carryZipkinEnv(draft, env)
    return
  }
  // A flag wins over its variable.
  const given = new Set(flags.map((one) => one.name))
  carryJaegerFlags(draft, program, [...flags, ...fromEnv.filter((one) => !given.has(one.name))])
}

/** Out of a command line: the program's name may stand first. */
export function importFlags(argv: readonly string[]): Imported {
  const draft = createDraft()
  carryLaunch(draft, { place: 'flags', argv, env: new Map() })
  return result(draft)
}

/** Out of a file's text. Throws OB_INPUT when it is none of the kinds that are known. @param file its name, for messages */
export async function importFile(text: string, file: string): Promise<Imported> {
  const { parseAllDocuments } = await import('yaml')
  const draft = createDraft()
  const parsed = parseAllDocuments(text, { merge: true, uniqueKeys: false })
  const documents = Array.isArray(parsed)
    ? parsed.filter((one) => one.errors.length === 0).map((one) => one.toJS({ maxAliasCount: 1000 }) as unknown)
    : []
  const found = recognise(text, documents)
  switch (found.kind) {
    case 'collector':
      carryCollector(draft, found.file)
      break
    case 'flags':
      carryJaegerFlags(draft, undefined, flattenFlags(found.file))
      break
    case 'launches': {
      const [first, ...others] = found.launches
      if (first !== undefined) carryLaunch(draft, first)
      for (const { place } of others) draft.missing(place, 'one program is carried over at a time: give this one by its flags, after --')
      break
    }
    case 'unknown':
      throw new BridgeError(
        'OB_INPUT',
        `cannot import ${file}: it is no Collector or Jaeger v2 file, no Jaeger configuration, no environment, unit or manifest of Jaeger or Zipkin`,
      )
  }
  return result(draft)
}
