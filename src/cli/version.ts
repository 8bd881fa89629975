/** Our version, out of package.json: it stands two folders up, in a checkout as in the installed package. */

import { readFileSync } from 'node:fs'

const description = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string }

export const version: string = description.version
