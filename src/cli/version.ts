/** Our version, out of package.json. */

import { readFileSync } from 'node:fs'
import { packageRoot } from './package-root.ts'

const description = JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8')) as { readonly version: string }

export const version: string = description.version
