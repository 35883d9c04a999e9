// SPDX-License-Identifier: Apache-2.0
// Reads the ConfigMaps and Secrets that one container's environment names: all at once, each one time,
// and with the notices and errors that people know from the kubelet and from the Go project.
import type { Pod } from '../../kube/types.gen.ts'
import { VkError, codeOf, messageOf } from '../../util/vk-error.ts'
import type { EnvSources } from './env-sources.ts'

/** One ConfigMap or Secret of the pod's namespace. */
export interface ObjectKey {
  readonly kind: 'ConfigMap' | 'Secret'
  readonly name: string
}

/** A reference to an object, which may be allowed to lead nowhere. */
export interface EnvReference extends ObjectKey {
  readonly isOptional: boolean
}

type Outcome =
  | { readonly ok: true; readonly values: Readonly<Record<string, string>> | undefined }
  | { readonly ok: false; readonly error: unknown }

/** The objects of one resolution. Values of Secrets come out decoded. */
export class ObjectReader {
  readonly #namespace: string
  readonly #sources: EnvSources
  readonly #reads = new Map<string, Promise<Outcome>>()

  constructor(pod: Pod, sources: EnvSources) {
    this.#namespace = pod.metadata.namespace
    this.#sources = sources
  }

  /** Begins to read, so that later calls need not wait one after the other. */
  prefetch(key: ObjectKey): void {
    void this.#outcomeOf(key)
  }

  /** Every value of the object; undefined when it is missing and may be. */
  async values(reference: EnvReference): Promise<Readonly<Record<string, string>> | undefined> {
    const outcome = await this.#outcomeOf(reference)
    if (!outcome.ok) throw this.#unreadable(reference, outcome.error)
    if (outcome.values) return outcome.values
    const message = `${reference.kind.toLowerCase()} "${reference.name}" not found`
    return this.#missing(reference, { what: 'NotFound', message })
  }

  /** One value of the object; undefined when object or key are missing and may be. */
  async value(reference: EnvReference, key: string): Promise<string | undefined> {
    const values = await this.values(reference)
    if (!values) return undefined
    if (Object.hasOwn(values, key)) return values[key]
    const object = `${reference.kind} ${this.#namespace}/${reference.name}`
    return this.#missing(reference, {
      what: 'KeyNotFound',
      message: `couldn't find key ${key} in ${object}`,
    })
  }

  #outcomeOf({ kind, name }: ObjectKey): Promise<Outcome> {
    const key = `${kind}/${name}`
    const known = this.#reads.get(key)
    if (known) return known
    const read = (kind === 'Secret' ? this.#secret(name) : this.#configMap(name)).then(
      (values): Outcome => ({ ok: true, values }),
      (error: unknown): Outcome => ({ ok: false, error }),
    )
    this.#reads.set(key, read)
    return read
  }

  async #configMap(name: string): Promise<Readonly<Record<string, string>> | undefined> {
    const configMap = await this.#sources.configMap(name)
    return configMap && (configMap.data ?? {})
  }

  async #secret(name: string): Promise<Readonly<Record<string, string>> | undefined> {
    const secret = await this.#sources.secret(name)
    if (!secret) return undefined
    const decode = ([key, value]: [string, string]): [string, string] => [
      key,
      Buffer.from(value, 'base64').toString('utf8'),
    ]
    return Object.fromEntries(Object.entries(secret.data ?? {}).map(decode))
  }

  #missing(
    { kind, isOptional }: EnvReference,
    { what, message }: { readonly what: 'NotFound' | 'KeyNotFound'; readonly message: string },
  ): undefined {
    const reason = `${isOptional ? 'Optional' : 'Mandatory'}${kind}${what}`
    this.#sources.notice({ type: 'Warning', reason, message })
    if (isOptional) return undefined
    throw new VkError('NotFound', message, { podReason: 'CreateContainerConfigError' })
  }

  #unreadable({ kind, name, isOptional }: EnvReference, cause: unknown): VkError {
    const message = `Cannot read ${kind.toLowerCase()} "${name}": ${messageOf(cause)}`
    const reason = `FailedToRead${isOptional ? 'Optional' : 'Mandatory'}${kind}`
    this.#sources.notice({ type: 'Warning', reason, message })
    const retryAfterMs = cause instanceof VkError ? cause.retryAfterMs : undefined
    return new VkError(codeOf(cause), message, {
      cause,
      podReason: 'CreateContainerConfigError',
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
  }
}
