// SPDX-License-Identifier: Apache-2.0
// A new private key for a pod, and the proof that we have it: a PKCS #10 request with nothing else in it
// (RFC 2986), for what the certificate says is the signer's to decide.
import { generateKeyPair, sign, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { VkError } from '../../util/vk-error.ts'

/** A key and its proof. */
export interface ProvenKey {
  /** PKCS #8, PEM. */
  readonly keyPem: string
  /** PKCS #10, DER. */
  readonly request: Buffer
}

interface KeyKind {
  readonly make: () => Promise<{ readonly privateKey: KeyObject; readonly publicKey: KeyObject }>
  /** AlgorithmIdentifier of the signature, DER. */
  readonly algorithm: Buffer
  /** Undefined: the kind has its own. */
  readonly hash: string | undefined
}

const generate = promisify(generateKeyPair)

const sequenceTag = 0x30
const objectIdTag = 0x06
const nothing = Buffer.from([0x05, 0x00])

const rsa = (modulusLength: number): KeyKind => ({
  make: () => generate('rsa', { modulusLength }),
  algorithm: identifier('2a864886f70d01010b', nothing),
  hash: 'sha256',
})
const ecdsa = (namedCurve: string, { hash, id }: { hash: string; id: string }): KeyKind => ({
  make: () => generate('ec', { namedCurve }),
  algorithm: identifier(`2a8648ce3d0403${id}`),
  hash,
})

/** By the names of the API. */
const kinds: Readonly<Record<string, KeyKind>> = {
  RSA3072: rsa(3072),
  RSA4096: rsa(4096),
  ECDSAP256: ecdsa('P-256', { hash: 'sha256', id: '02' }),
  ECDSAP384: ecdsa('P-384', { hash: 'sha384', id: '03' }),
  ECDSAP521: ecdsa('P-521', { hash: 'sha512', id: '04' }),
  ED25519: { make: () => generate('ed25519'), algorithm: identifier('2b6570'), hash: undefined },
}

/** Makes a key of this kind; rejects for one that the API does not name. */
export async function makeProvenKey(keyType: string): Promise<ProvenKey> {
  const kind = kinds[keyType]
  if (!kind) throw new VkError('Invalid', `unknown key type ${JSON.stringify(keyType)}`)
  const { privateKey, publicKey } = await kind.make()
  const version = Buffer.from([0x02, 0x01, 0x00])
  const noName = der(sequenceTag)
  const noAttributes = der(0xa0)
  const subject = publicKey.export({ type: 'spki', format: 'der' })
  const info = der(sequenceTag, version, noName, subject, noAttributes)
  const signature = der(0x03, Buffer.from([0]), sign(kind.hash, info, privateKey))
  return {
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    request: der(sequenceTag, info, kind.algorithm, signature),
  }
}

function identifier(objectId: string, ...parameters: readonly Buffer[]): Buffer {
  return der(sequenceTag, der(objectIdTag, Buffer.from(objectId, 'hex')), ...parameters)
}

/** Tag, length, contents. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const contents = Buffer.concat(parts)
  const { length } = contents
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), contents])
  const digits = Buffer.from(length.toString(16).padStart(length > 0xff ? 4 : 2, '0'), 'hex')
  return Buffer.concat([Buffer.from([tag, 0x80 + digits.length]), digits, contents])
}
