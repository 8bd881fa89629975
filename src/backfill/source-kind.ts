/** What a source is to the command line. */

import type { z } from 'zod'
import type { Source, SourceDeps } from './source.ts'

/** How a source is configured from outside: its flags on the command line, and how it is opened with them. */
export interface SourceKind {
  /** What stands behind its name, if anything: a folder, patterns. */
  readonly argument?: { readonly name: string; readonly variadic: boolean; readonly description: string }
  /** Flags, in camelCase; each with `.describe`. Secrets have `.meta({ secret: true })`: they are in no id, file, report or message. */
  readonly options: z.ZodObject
  /** Rejects with OB_CONFIG for options that do not fit together, with OB_SOURCE when nothing can be read there. @param options parsed by `options` */
  open(options: Readonly<Record<string, unknown>>, args: readonly string[], deps: SourceDeps): Promise<Source>
}
