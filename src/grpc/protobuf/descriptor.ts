/**
 * Descriptors of services for reflection, made from their tables:
 * https://github.com/protocolbuffers/protobuf/blob/main/src/google/protobuf/descriptor.proto
 */
import { list, nested, nestedList, single, optional } from './field.ts'
import { bool, int32, string, TYPE, type Enumeration } from './kinds.ts'
import { message, type Written } from './message.ts'
import type { Home, MessageShape, Shape } from './shape.ts'

const FieldDescriptor = message('FieldDescriptorProto', {
  name: single(1, string),
  number: single(3, int32),
  label: single(4, int32),
  type: single(5, int32),
  type_name: single(6, string),
  oneof_index: optional(9, int32),
  proto3_optional: single(17, bool),
})
const EnumDescriptor = message('EnumDescriptorProto', {
  name: single(1, string),
  value: nestedList(
    2,
    message('EnumValueDescriptorProto', { name: single(1, string), number: optional(2, int32) }),
  ),
})
const messageFields = {
  name: single(1, string),
  field: nestedList(2, FieldDescriptor),
  enum_type: nestedList(4, EnumDescriptor),
  options: nested(7, message('MessageOptions', { map_entry: single(7, bool) })),
  oneof_decl: nestedList(8, message('OneofDescriptorProto', { name: single(1, string) })),
}
// Messages inside of messages, two deep: one in another has the entries of its maps in itself.
const EntryDescriptor = message('DescriptorProto', messageFields)
const InnerDescriptor = message('DescriptorProto', {
  ...messageFields,
  nested_type: nestedList(3, EntryDescriptor),
})
const MessageDescriptor = message('DescriptorProto', {
  ...messageFields,
  nested_type: nestedList(3, InnerDescriptor),
})
const MethodDescriptor = message('MethodDescriptorProto', {
  name: single(1, string),
  input_type: single(2, string),
  output_type: single(3, string),
  client_streaming: single(5, bool),
  server_streaming: single(6, bool),
})
const FileDescriptor = message('FileDescriptorProto', {
  name: single(1, string),
  package: single(2, string),
  dependency: list(3, string),
  message_type: nestedList(4, MessageDescriptor),
  enum_type: nestedList(5, EnumDescriptor),
  service: nestedList(
    6,
    message('ServiceDescriptorProto', { name: single(1, string), method: nestedList(2, MethodDescriptor) }),
  ),
  syntax: single(12, string),
})

type Described = Written<typeof InnerDescriptor>
type DescribedField = Written<typeof FieldDescriptor>

/** A service as the descriptor needs it. */
export interface DescribedService extends Home {
  readonly name: string
  readonly methods: Readonly<
    Record<string, { readonly kind: string; readonly request: MessageShape; readonly response: MessageShape }>
  >
}

/** A .proto file: its descriptor, what it declares, and the files that it imports. */
export interface DescribedFile {
  readonly name: string
  readonly bytes: Buffer
  /** Full names of its services, methods, messages and enumerations. */
  readonly symbols: readonly string[]
  readonly imports: readonly string[]
}

/** The files of these services and of all that they import. */
export function describeFiles(services: readonly DescribedService[]): DescribedFile[] {
  const described = services.flatMap(service => {
    const all = reach(service)
    const foreign = Map.groupBy(
      [...all].filter(one => one.home !== undefined),
      one => one.home?.file ?? '',
    )
    const homes = [...foreign.values()].map(messages => describeFile(messages[0]?.home ?? service, messages))
    return [
      describeFile(
        service,
        [...all].filter(one => one.home === undefined),
        service,
      ),
      ...homes,
    ]
  })
  return [...new Map(described.map(file => [file.name, file])).values()]
}

/** The messages of a service and those inside of them. */
function reach(service: DescribedService): Set<MessageShape> {
  const found = new Set<MessageShape>()
  const visit = (next: MessageShape | undefined) => {
    if (next === undefined || found.has(next)) return
    found.add(next)
    for (const { shape } of Object.values(next.fields)) visit((shape.mapOf ?? shape).message)
  }
  for (const { request, response } of Object.values(service.methods)) {
    visit(request)
    visit(response)
  }
  return found
}

function describeFile(
  home: Home,
  messages: readonly MessageShape[],
  service?: DescribedService,
): DescribedFile {
  const prefix = `.${home.package}`
  const top = messages.filter(({ name }) => !name.includes('.'))
  const used = [
    ...messages.flatMap(({ fields }) =>
      Object.values(fields).map(({ shape }) => (shape.mapOf ?? shape).message),
    ),
    ...Object.values(service?.methods ?? {}).flatMap(({ request, response }) => [request, response]),
  ]
  const imports = [...new Set(used.flatMap(one => one?.home?.file ?? []))].filter(file => file !== home.file)
  const methods = Object.entries(service?.methods ?? {}).map(([name, { kind, request, response }]) => ({
    name,
    input_type: nameOf(request, prefix),
    output_type: nameOf(response, prefix),
    client_streaming: kind === 'both',
    server_streaming: kind !== 'unary',
  }))
  const bytes = FileDescriptor.encode({
    name: home.file,
    package: home.package,
    dependency: imports,
    message_type: top.map(one => ({
      ...describeMessage(one, prefix),
      nested_type: [
        ...describeEntries(one, prefix),
        ...messages
          .filter(({ name }) => name.startsWith(`${one.name}.`))
          .map(inner => ({ ...describeMessage(inner, prefix), nested_type: describeEntries(inner, prefix) })),
      ],
    })),
    enum_type: enumerations(messages)
      .filter(({ name }) => !name.includes('.'))
      .map(describeEnumeration),
    service: service === undefined ? [] : [{ name: service.name, method: methods }],
    syntax: 'proto3',
  })
  const serviceNames =
    service === undefined ? [] : [service.name, ...methods.map(({ name }) => `${service.name}.${name}`)]
  const symbols = [
    ...messages.map(({ name }) => name),
    ...enumerations(messages).map(({ name }) => name),
    ...serviceNames,
  ]
  return { name: home.file, bytes, symbols: symbols.map(name => `${home.package}.${name}`), imports }
}

/** proto3's `optional` has a oneof of its own in a descriptor. */
function isSynthetic({ label, oneof, message: inner }: Shape): boolean {
  return label === 'optional' && oneof === undefined && inner === undefined
}

function describeMessage(one: MessageShape, prefix: string): Described {
  const shapes = Object.entries(one.fields).map(([name, { number, shape }]) => ({ name, number, shape }))
  const oneofs = new Set(shapes.flatMap(({ shape }) => shape.oneof ?? []))
  // They stand behind the real ones.
  for (const { name, shape } of shapes) if (isSynthetic(shape)) oneofs.add(`_${name}`)
  const order = [...oneofs]
  return {
    name: lastPart(one.name),
    field: shapes.map(({ name, number, shape }) => {
      const oneof = isSynthetic(shape) ? `_${name}` : shape.oneof
      return {
        ...describeField(name, number, shape, prefix),
        ...(shape.mapOf === undefined ? {} : { type_name: `${nameOf(one, prefix)}.${entryName(name)}` }),
        ...(oneof === undefined ? {} : { oneof_index: order.indexOf(oneof) }),
        proto3_optional: isSynthetic(shape),
      }
    }),
    enum_type: enumerations([one])
      .filter(({ name }) => name.startsWith(`${one.name}.`))
      .map(describeEnumeration),
    oneof_decl: order.map(name => ({ name })),
  }
}

function describeEnumeration({ name, values }: Enumeration): Written<typeof EnumDescriptor> {
  return {
    name: lastPart(name),
    value: Object.entries(values).map(([key, number]) => ({ name: key, number })),
  }
}

/** A map is a list of entries, each a message of its own. */
function describeEntries(one: MessageShape, prefix: string): Described[] {
  return Object.entries(one.fields).flatMap(([name, { shape }]) =>
    shape.mapOf === undefined
      ? []
      : [
          {
            name: entryName(name),
            field: [
              describeField('key', 1, { type: TYPE.string, label: 'one' }, prefix),
              describeField('value', 2, shape.mapOf, prefix),
            ],
            options: { map_entry: true },
          },
        ],
  )
}

const LABEL = { optional: 1, repeated: 3 } as const

function describeField(name: string, number: number, shape: Shape, prefix: string): DescribedField {
  const { type, label, message: inner, enumeration } = shape
  return {
    name,
    number,
    type,
    label: label === 'repeated' ? LABEL.repeated : LABEL.optional,
    ...(inner === undefined ? {} : { type_name: nameOf(inner, prefix) }),
    ...(enumeration === undefined ? {} : { type_name: `${prefix}.${enumeration.name}` }),
  }
}

/** Several fields may be of one. */
function enumerations(messages: readonly MessageShape[]): Enumeration[] {
  const found = messages.flatMap(({ fields }) =>
    Object.values(fields).flatMap(({ shape }) => shape.enumeration ?? []),
  )
  return [...new Map(found.map(one => [one.name, one])).values()]
}

const nameOf = ({ name, home }: MessageShape, prefix: string) =>
  `${home === undefined ? prefix : `.${home.package}`}.${name}`

const lastPart = (name: string) => name.slice(name.lastIndexOf('.') + 1)

/** `int_contents` -> `IntContentsEntry` */
function entryName(field: string): string {
  const words = field.split('_').map(word => word.charAt(0).toUpperCase() + word.slice(1))
  return `${words.join('')}Entry`
}
