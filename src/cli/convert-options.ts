/** The options of `convert`, as the command line hands them over. */

import type { ConfigOptions } from '../config/compose.ts'
import type { VerifyCommandOptions } from './convert-verify.ts'

export interface ConvertCommandOptions extends ConfigOptions, VerifyCommandOptions {
  readonly from?: string
  readonly to?: string
  readonly mapping?: string
  readonly metadata?: string
  readonly targets?: string
  readonly datasource?: readonly string[]
  readonly exportInterval?: string
  readonly scale?: 'query' | 'panel'
  readonly transition?: 'none' | 'old-or-new' | 'recording'
  readonly output?: string
  readonly report?: string
  readonly reportUrl?: string
  readonly check?: boolean
  readonly diff?: boolean
  readonly minScore?: string
  readonly strict?: boolean
  readonly lenient?: boolean
  readonly json?: boolean
  readonly upgradePanels?: boolean
  readonly acceptApproximate?: boolean
}
