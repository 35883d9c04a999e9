// SPDX-License-Identifier: Apache-2.0
// Objects to bytes and back; each state is encoded once, for storage and for all its readers.
import type { KubeObject, StoredObject } from '../objects/kube-object.ts'
import type { Stored } from './store.ts'

/** Stamps `revision` as the resourceVersion, sharing everything else, and encodes. */
export function encodeObject(object: KubeObject, revision: number): Stored {
  const stamped = {
    ...object,
    metadata: { ...object.metadata, resourceVersion: `${revision}` },
  } as StoredObject
  return { object: stamped, revision, json: bytesOf(JSON.stringify(stamped)) }
}

/** An object as it was read from the journal; `json` is copied. */
export function decodeObject(json: Uint8Array, revision: number): Stored {
  const bytes = Buffer.allocUnsafeSlow(json.byteLength)
  bytes.set(json)
  return { object: JSON.parse(bytes.toString()) as StoredObject, revision, json: bytes }
}

/** Bytes of their own: small buffers usually share one block, which the last of them keeps alive. */
function bytesOf(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  bytes.write(text)
  return bytes
}
