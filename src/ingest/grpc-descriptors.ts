/** `.proto` files as tables, and their serialized descriptors: what `grpc.reflection` hands out. @see google/protobuf/descriptor.proto */

import { lengthField, numberField } from './grpc-proto.ts'

/** FieldDescriptorProto.Type */
const types = { double: 1, int64: 3, uint64: 4, int32: 5, fixed64: 6, bool: 8, string: 9, bytes: 12, uint32: 13 } as const
const messageType = 11
const enumType = 14

/**
 * Number, then type: a scalar, `.full.Name` of a message, `enum .full.Name`, each perhaps after `repeated`; `map` is a map of
 * strings to strings.
 */
export type ProtoField = readonly [id: number, type: string]

export interface ProtoFile {
  /** As other files import it. */
  readonly name: string
  readonly package: string
  readonly imports?: readonly string[]
  readonly messages?: Readonly<Record<string, Readonly<Record<string, ProtoField>>>>
  readonly enums?: Readonly<Record<string, readonly string[]>>
  /** Methods by service: types of request and answer, with `stream` before those of which there are many. */
  readonly services?: Readonly<Record<string, Readonly<Record<string, readonly [request: string, answer: string]>>>>
}

/** A file for reflection: its bytes, and the full names of all it declares. */
export interface GrpcDescriptor {
  readonly file: Uint8Array
  readonly name: string
  readonly imports: readonly string[]
  readonly symbols: readonly string[]
}

const joined = (...parts: readonly (Uint8Array | readonly Uint8Array[])[]): Uint8Array => Buffer.concat(parts.flat() as Uint8Array[])

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase())

function fieldOf(owner: string, name: string, [id, text]: ProtoField): Uint8Array {
  const repeated = text.startsWith('repeated ') || text === 'map'
  const word = text.replace(/^repeated /, '')
  const entry = `${camel(`_${name}`)}Entry`
  const named = text === 'map' ? `${owner}.${entry}` : word.replace(/^enum /, '')
  const scalar = (types as Readonly<Record<string, number>>)[word]
  return lengthField(
    2,
    joined(
      lengthField(1, name),
      numberField(3, id),
      numberField(4, repeated ? 3 : 1),
      numberField(5, scalar ?? (word.startsWith('enum ') ? enumType : messageType)),
      scalar === undefined ? [lengthField(6, named)] : [],
      lengthField(10, camel(name)),
    ),
  )
}

/** The message that a map stands for on the wire. */
function entryOf(owner: string, name: string): Uint8Array {
  const fields = [fieldOf(owner, 'key', [1, 'string']), fieldOf(owner, 'value', [2, 'string'])]
  // MessageOptions.map_entry
  return lengthField(3, joined(lengthField(1, `${camel(`_${name}`)}Entry`), fields, lengthField(7, numberField(7, 1))))
}

function messageOf(scope: string, name: string, fields: Readonly<Record<string, ProtoField>>): Uint8Array {
  const owner = `.${scope}.${name}`
  const all = Object.entries(fields)
  const maps = all.filter(([, [, type]]) => type === 'map')
  return lengthField(
    4,
    joined(
      lengthField(1, name),
      all.map(([field, one]) => fieldOf(owner, field, one)),
      maps.map(([field]) => entryOf(owner, field)),
    ),
  )
}

function serviceOf(name: string, methods: Readonly<Record<string, readonly [string, string]>>): Uint8Array {
  const all = Object.entries(methods).map(([method, [request, answer]]) =>
    lengthField(
      2,
      joined(
        lengthField(1, method),
        lengthField(2, request.replace(/^stream /, '')),
        lengthField(3, answer.replace(/^stream /, '')),
        request.startsWith('stream ') ? [numberField(5, 1)] : [],
        answer.startsWith('stream ') ? [numberField(6, 1)] : [],
      ),
    ),
  )
  return lengthField(6, joined(lengthField(1, name), all))
}

/** The serialized `FileDescriptorProto` of a file in proto3. */
export function describeFile(file: ProtoFile): GrpcDescriptor {
  const { imports = [], messages = {}, enums = {}, services = {} } = file
  const values = (names: readonly string[]): Uint8Array[] =>
    names.map((name, number) => lengthField(2, joined(lengthField(1, name), numberField(2, number))))
  const bytes = joined(
    lengthField(1, file.name),
    lengthField(2, file.package),
    imports.map((one) => lengthField(3, one)),
    Object.entries(messages).map(([name, fields]) => messageOf(file.package, name, fields)),
    Object.entries(enums).map(([name, names]) => lengthField(5, joined(lengthField(1, name), values(names)))),
    Object.entries(services).map(([name, methods]) => serviceOf(name, methods)),
    lengthField(12, 'proto3'),
  )
  const methods = Object.entries(services).flatMap(([name, own]) => Object.keys(own).map((method) => `${name}.${method}`))
  const names = [...Object.keys(messages), ...Object.keys(enums), ...Object.keys(services), ...methods]
  return { file: bytes, name: file.name, imports, symbols: names.map((one) => `${file.package}.${one}`) }
}

/** What other files import most. */
export const timeFiles: readonly ProtoFile[] = ['Timestamp', 'Duration'].map((name) => ({
  name: `google/protobuf/${name.toLowerCase()}.proto`,
  package: 'google.protobuf',
  messages: { [name]: { seconds: [1, 'int64'], nanos: [2, 'int32'] } },
}))

export const healthFile: ProtoFile = {
  name: 'grpc/health/v1/health.proto',
  package: 'grpc.health.v1',
  messages: { HealthCheckRequest: { service: [1, 'string'] }, HealthCheckResponse: { status: [1, 'enum .grpc.health.v1.ServingStatus'] } },
  enums: { ServingStatus: ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] },
  services: {
    Health: {
      Check: ['.grpc.health.v1.HealthCheckRequest', '.grpc.health.v1.HealthCheckResponse'],
      Watch: ['.grpc.health.v1.HealthCheckRequest', 'stream .grpc.health.v1.HealthCheckResponse'],
    },
  },
}
