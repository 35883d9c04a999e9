// SPDX-License-Identifier: Apache-2.0
// Runs one admission plugin over one request, as the API does.
import type { User } from '../../src/control-plane/auth/user.ts'
import type { KubeObject } from '../../src/control-plane/objects/kube-object.ts'
import { defineResource } from '../../src/control-plane/resources/define-resource.ts'
import { createMemoryStore } from '../../src/control-plane/storage/memory-store.ts'
import type { Store } from '../../src/control-plane/storage/store.ts'
import type {
  AdmissionContext,
  AdmissionPlugin,
  AdmissionRequest,
} from '../../src/control-plane/admission/admission.ts'

/** A request as a test writes it down; what is left out is an ordinary CREATE by an ordinary user. */
export interface RequestDraft {
  /** `pods`, `pods/status`, `leases.coordination.k8s.io`. */
  readonly target: string
  readonly object?: object
  readonly old?: object
  readonly operation?: AdmissionRequest['operation']
  readonly user?: User
  readonly namespace?: string
  readonly name?: string
}

export interface AdmissionBench {
  readonly store: Store
  /** All sentences so far. */
  readonly warnings: readonly string[]
  /** The completed object. */
  readonly mutate: (draft: RequestDraft) => KubeObject
  /** Throws when the plugin refuses. */
  readonly validate: (draft: RequestDraft) => void
}

export const ordinaryUser: User = { name: 'jane', groups: ['system:authenticated'] }

export function admissionBench(plugin: AdmissionPlugin, nowMs = 0): AdmissionBench {
  const store = createMemoryStore()
  const warnings: string[] = []
  const warn = (sentence: string): void => void warnings.push(sentence)
  const context: AdmissionContext = { store, nowMs, warn }
  return {
    store,
    warnings,
    mutate(draft) {
      const request = requestOf(draft)
      const object = request.object ?? { apiVersion: 'v1', kind: '', metadata: {} }
      return plugin.mutate?.(object, request, context) ?? object
    },
    validate(draft) {
      plugin.validate?.(requestOf(draft), context)
    },
  }
}

function requestOf(draft: RequestDraft): AdmissionRequest {
  const [full = '', subresource = ''] = draft.target.split('/')
  const dot = full.indexOf('.')
  const plural = dot === -1 ? full : full.slice(0, dot)
  const group = dot === -1 ? '' : full.slice(dot + 1)
  const object = complete(draft.object)
  const old = complete(draft.old)
  const { name = '', namespace = '' } = (object ?? old)?.metadata ?? {}
  return {
    user: draft.user ?? ordinaryUser,
    operation: draft.operation ?? (old ? 'UPDATE' : 'CREATE'),
    resource: defineResource({ kind: plural, plural, group }),
    subresource,
    namespace: draft.namespace ?? namespace,
    name: draft.name ?? name,
    object,
    old,
    isDryRun: false,
  }
}

function complete(object: object | undefined): KubeObject | undefined {
  return object && { apiVersion: 'v1', kind: '', metadata: {}, ...object }
}
