// SPDX-License-Identifier: Apache-2.0
// What a pod's environment refers to, held in memory: ConfigMaps, Secrets and services of namespace `ns`.
import type { RecordedEvent } from '../../src/kube/event-recorder.ts'
import type { ConfigMap, Secret, Service } from '../../src/kube/types.gen.ts'
import type { EnvSources } from '../../src/pods/env/env-sources.ts'

/** Values by object and key. */
type Data = Readonly<Record<string, Readonly<Record<string, string>>>>

/** Sources that hold these objects, and note what they were asked and told. */
export class FakeEnvSources implements EnvSources {
  readonly nodeName = 'node-a'
  readonly nodeAllocatable = { cpu: '4' }
  readonly notices: RecordedEvent[] = []
  readonly asked: string[] = []
  readonly #configMaps: Data
  readonly #secrets: Data
  readonly #services: readonly Service[]

  constructor(has: { configMaps?: Data; secrets?: Data; services?: readonly Service[] } = {}) {
    this.#configMaps = has.configMaps ?? {}
    this.#secrets = has.secrets ?? {}
    this.#services = has.services ?? []
  }

  configMap(name: string): Promise<ConfigMap | undefined> {
    this.asked.push(`configMap ${name}`)
    const data = this.#configMaps[name]
    return Promise.resolve(data && { metadata: { name, namespace: 'ns', uid: name }, data })
  }

  secret(name: string): Promise<Secret | undefined> {
    this.asked.push(`secret ${name}`)
    const texts = this.#secrets[name]
    if (!texts) return Promise.resolve(undefined)
    const data = Object.fromEntries(
      Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
    )
    return Promise.resolve({ metadata: { name, namespace: 'ns', uid: name }, data })
  }

  services(): Promise<readonly Service[]> {
    return Promise.resolve(this.#services)
  }

  notice(event: RecordedEvent): void {
    this.notices.push(event)
  }
}
