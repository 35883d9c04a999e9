// SPDX-License-Identifier: Apache-2.0
// The bodies that Go clients send as `application/vnd.kubernetes.protobuf` -> the objects that they
// would have sent as JSON. kubectl sends most of its own objects so: new config maps, namespaces, jobs,
// evictions, options of deletes.
import { badRequest } from '../objects/api-status.ts'
import { schemaOf } from '../schema/schema-of.ts'
import { decodeMessage } from './decode-message.ts'
import { findMessage } from './message-catalog.ts'
import { WireFault, WireReader, wireTypes } from './wire-reader.ts'

/** The media type of these bodies. */
export const protobufType = 'application/vnd.kubernetes.protobuf'

const magic = Buffer.from('k8s\0')

/** What a body has to be, as the address says; it stands in where the body does not say. */
export interface ExpectedKind {
  readonly apiVersion: string
  readonly kind: string
}

/**
 * An object with apiVersion and kind; whether it is of the kind that was expected, the caller judges.
 * Throws `StatusError` 400 for bytes that are no such object, and for kinds that are not served.
 */
export function decodeProtobuf(
  bytes: Buffer,
  expected?: ExpectedKind,
): Readonly<Record<string, unknown>> {
  const unrecognized = (why: string): string =>
    expected
      ? `the object provided is unrecognized (must be of type ${expected.kind}): ${why} (${summary(bytes)})`
      : why
  const { apiVersion, kind, raw } = faultsAs(unrecognized, () => readEnvelope(bytes, expected))
  const [version = ''] = apiVersion.split('/').slice(-1)
  const unhandled = (why: string): string =>
    `${kind} in version "${version}" cannot be handled as a ${expected?.kind ?? kind}: ${why}`
  const fields = faultsAs(unhandled, () => decodeMessage(raw, messageOf(apiVersion, kind)))
  return { kind, apiVersion, ...fields }
}

interface Envelope extends ExpectedKind {
  readonly raw: Buffer
}

function readEnvelope(bytes: Buffer, expected: ExpectedKind | undefined): Envelope {
  if (bytes.length === 0) throw new WireFault('empty data')
  if (!bytes.subarray(0, magic.length).equals(magic)) {
    const expected = `[${[...magic].join(' ')}]`
    throw new WireFault(
      `provided data does not appear to be a protobuf message, expected prefix ${expected}`,
    )
  }
  if (bytes.length === magic.length) throw new WireFault('empty body')
  const pieces = readPieces(bytes.subarray(magic.length))
  const identity = readPieces(pieces.get(1) ?? Buffer.alloc(0))
  const apiVersion = identity.get(1)?.toString('utf8') || (expected?.apiVersion ?? '')
  const kind = identity.get(2)?.toString('utf8') || (expected?.kind ?? '')
  if (kind === '') throw new WireFault("Object 'Kind' is missing")
  if (apiVersion === '') throw new WireFault("Object 'apiVersion' is missing")
  return { apiVersion, kind, raw: pieces.get(2) ?? Buffer.alloc(0) }
}

/** The texts and messages of a message by their number; the last of each. */
function readPieces(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const reader = new WireReader(bytes)
  const pieces = new Map<number, Buffer>()
  while (!reader.isAtEnd) {
    const tag = reader.tag()
    const isWanted = tag.wireType === wireTypes.bytes && tag.number <= 4
    if (isWanted) pieces.set(tag.number, reader.bytes())
    else reader.skip(tag)
  }
  return pieces
}

function messageOf(apiVersion: string, kind: string): string {
  const name = schemaOf(apiVersion, kind)?.name
  if (name !== undefined && findMessage(name)) return name
  // Options and Status belong to every group.
  const shared = `meta.v1.${kind}`
  const isShared = kind === 'Status' || kind.endsWith('Options')
  if (isShared && findMessage(shared)) return shared
  const scheme = 'pkg/runtime/scheme.go:111'
  throw new WireFault(
    `no kind "${kind}" is registered for version "${apiVersion}" in scheme "${scheme}"`,
  )
}

const summaryBytes = 30

/** The begin of a body, for people. */
function summary(bytes: Buffer): string {
  if (bytes.length === 0) return '<empty>'
  const encoding = bytes[0] === 0x7b ? 'utf8' : 'hex'
  const shown = bytes.subarray(0, summaryBytes).toString(encoding)
  return bytes.length > summaryBytes ? `${shown} ...` : shown
}

function faultsAs<T>(sentence: (why: string) => string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (error instanceof WireFault) throw badRequest(sentence(error.message))
    throw error
  }
}
