// SPDX-License-Identifier: Apache-2.0
// What resolving a container's environment needs from the world around the pod. The caller answers
// from caches and watches; nothing here reads the API by itself.
import type { RecordedEvent } from '../../kube/event-recorder.ts'
import type { ConfigMap, Secret, Service } from '../../kube/types.gen.ts'

/** The world as one pod may see it: objects of its own namespace, and facts of its node. */
export interface EnvSources {
  /** Undefined when there is none; rejects when that cannot be known now. */
  configMap(name: string): Promise<ConfigMap | undefined>
  /** Undefined when there is none; rejects when that cannot be known now. */
  secret(name: string): Promise<Secret | undefined>
  /** Services of the pod's namespace, and `default/kubernetes`. */
  services(): Promise<readonly Service[]>
  readonly nodeName: string
  readonly nodeAllocatable: Readonly<Record<string, string>>
  /** Where pods reach the API server, when its service address does not lead there from the backend. */
  readonly podApiServer?: { readonly host: string; readonly port: number }
  /** Records an event about the pod. */
  notice(event: RecordedEvent): void
}
