// SPDX-License-Identifier: Apache-2.0
// A pod is told the zone and region of its node by labels, when it is bound or made there.
import type { Binding, Pod } from '../../kube/types.gen.ts'
import { storedObject } from '../auth/stored-object.ts'
import type { KubeObject } from '../objects/kube-object.ts'
import type { Store } from '../storage/store.ts'
import type { AdmissionPlugin } from './admission.ts'
import { targetOf } from './forbid.ts'

const labels = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region']

/** The labels of a Binding go to the pod that it binds. */
export const podTopologyLabels: AdmissionPlugin = {
  name: 'PodTopologyLabels',
  mutate(object, request, { store }) {
    if (request.operation !== 'CREATE') return object
    const target = targetOf(request)
    if (target === 'pods')
      return withLabels(object, (object as unknown as Pod).spec?.nodeName, store)
    if (target !== 'pods/binding' && target !== 'bindings') return object
    const { kind, name } = (object as unknown as Binding).target
    return kind === 'Node' ? withLabels(object, name, store) : object
  },
}

function withLabels(object: KubeObject, nodeName: string | undefined, store: Store): KubeObject {
  if (nodeName === undefined || nodeName === '') return object
  const node = storedObject<object>(store, 'nodes', { namespace: '', name: nodeName })
  const copied = Object.entries(node?.metadata.labels ?? {}).filter(([key]) => labels.includes(key))
  if (copied.length === 0) return object
  const { metadata } = object
  const merged = { ...metadata.labels, ...Object.fromEntries(copied) }
  return { ...object, metadata: { ...metadata, labels: merged } }
}
