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

/**
 * An object with apiVersion and kind. Throws `StatusError` 400 for bytes that are no such object, and
 * for kinds that are not served.
 */
export function decodeProtobuf(bytes: Buffer): Readonly<Record<string, unknown>> {
  const { apiVersion, kind, raw } = faultsAs(
    (why) => `the object provided is unrecognized: ${why}`,
    () => readEnvelope(bytes),
  )
  const [version = ''] = apiVersion.split('/').slice(-1)
  const name = messageOf(apiVersion, kind)
  if (name === undefined) {
    throw badRequest(
      `${kind} in version "${version}" cannot be handled: no kind "${kind}" is registered for version "${apiVersion}"`,
    )
  }
  const fields = faultsAs(
    (why) => `${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`,
    () => decodeMessage(raw, name),
  )
  return { kind, apiVersion, ...fields }
}

interface Envelope {
  readonly apiVersion: string
  readonly kind: string
  readonly raw: Buffer
}

function readEnvelope(bytes: Buffer): Envelope {
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
  const apiVersion = identity.get(1)?.toString('utf8') ?? ''
  const kind = identity.get(2)?.toString('utf8') ?? ''
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

function messageOf(apiVersion: string, kind: string): string | undefined {
  const name = schemaOf(apiVersion, kind)?.name
  if (name !== undefined && findMessage(name)) return name
  // Options and Status belong to every group.
  const shared = `meta.v1.${kind}`
  const isShared = kind === 'Status' || kind.endsWith('Options')
  return isShared && findMessage(shared) ? shared : undefined
}

function faultsAs<T>(sentence: (why: string) => string, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    if (error instanceof WireFault) throw badRequest(sentence(error.message))
    throw error
  }
}
