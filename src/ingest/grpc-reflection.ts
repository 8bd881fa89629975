/**
 * `grpc.reflection.v1` and `v1alpha`, which are the same but for the name: which services there are, and their files.
 *
 *     ServerReflectionRequest   host 1  file_by_filename 3  file_containing_symbol 4  list_services 7
 *     ServerReflectionResponse  valid_host 1  original_request 2  file_descriptor_response 4  list_services_response 6
 *                               error_response 7
 *
 * @see grpc/doc/server-reflection.md
 */

import { ProtoReader } from '../otlp/decode/reader.ts'
import { describeFile, type GrpcDescriptor, healthFile, type ProtoFile } from './grpc-descriptors.ts'
import type { GrpcStreamMethod } from './grpc-method.ts'
import { lengthField, numberField } from './grpc-proto.ts'
import { GrpcCode } from './grpc-status.ts'

const Ask = { ByName: 3, BySymbol: 4, List: 7 } as const

/** What is asked for, the last of what stands there; number 0 for nothing we know. Throws OB_DECODE_PROTO. */
function readRequest(message: Uint8Array): { readonly ask: number; readonly text: string } {
  const reader = new ProtoReader(message)
  let ask = 0
  let text = ''
  while (reader.at < reader.end) {
    const tag = reader.varint32()
    if ((tag & 7) !== 2 || tag >>> 3 < 3) {
      reader.skip(tag)
      continue
    }
    const end = reader.length()
    ask = tag >>> 3
    text = Buffer.from(message.subarray(reader.at, end)).toString()
    reader.at = end
  }
  return { ask, text }
}

/** The file, and those it imports, each once, what is imported first. */
function withImports(file: GrpcDescriptor, byName: ReadonlyMap<string, GrpcDescriptor>): GrpcDescriptor[] {
  const found = new Set<GrpcDescriptor>()
  const add = (one: GrpcDescriptor): void => {
    for (const name of one.imports) {
      const imported = byName.get(name)
      if (imported !== undefined) add(imported)
    }
    found.add(one)
  }
  add(file)
  return [...found]
}

/** @param services full names of what this port serves. @param files those of them that we have a description of */
export function reflectionMethods(services: readonly string[], files: readonly ProtoFile[]): readonly GrpcStreamMethod[] {
  const packages = ['grpc.reflection.v1', 'grpc.reflection.v1alpha']
  const all = [...new Set(['grpc.health.v1.Health', ...services, ...packages.map((one) => `${one}.ServerReflection`)])].sort()
  const descriptors = [healthFile, ...files].map(describeFile)
  const byName = new Map(descriptors.map((one) => [one.name, one]))
  const bySymbol = new Map(descriptors.flatMap((one) => one.symbols.map((symbol) => [symbol, one] as const)))

  const answerTo = (message: Uint8Array): Uint8Array => {
    const { ask, text } = readRequest(message)
    if (ask === Ask.List) return lengthField(6, Buffer.concat(all.map((name) => lengthField(1, lengthField(1, name)))))
    const file = ask === Ask.ByName ? byName.get(text) : ask === Ask.BySymbol ? bySymbol.get(text) : undefined
    if (file !== undefined) return lengthField(4, Buffer.concat(withImports(file, byName).map((one) => lengthField(1, one.file))))
    const known = ask === Ask.ByName || ask === Ask.BySymbol
    const error = [
      numberField(1, known ? GrpcCode.NotFound : GrpcCode.Unimplemented),
      lengthField(2, known ? 'not found' : 'not supported'),
    ]
    return lengthField(7, Buffer.concat(error))
  }

  return packages.map((name) => ({
    path: `/${name}.ServerReflection/ServerReflectionInfo`,
    open: (sink) => ({
      message: (message) => sink.send(Buffer.concat([lengthField(2, message), answerTo(message)])),
      end: () => sink.finish(GrpcCode.Ok, ''),
      closed() {},
    }),
  }))
}
