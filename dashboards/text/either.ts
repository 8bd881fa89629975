/** A file of one value, as JSON or as YAML: resources of Kubernetes' kind come as either. */

import { BridgeError } from '../../src/errors.ts'
import type { TextDocument } from './document.ts'
import { parseJsonDocument } from './json.ts'
import { parseYamlDocuments } from './yaml.ts'

export const looksLikeJson = (text: string): boolean => /^\uFEFF?\s*[[{]/.test(text)

/** The root is the value itself; YAML of several documents is refused. @throws BridgeError as the parsers do */
export function parseEitherDocument(text: string): TextDocument {
  if (looksLikeJson(text)) return parseJsonDocument(text)
  const document = parseYamlDocuments(text)
  const [root, ...others] = document.root.items
  if (root === undefined || others.length > 0)
    throw new BridgeError('OB_DECODE_YAML', `cannot read YAML: expected one document, found ${document.root.items.length}`)
  return { ...document, root }
}
