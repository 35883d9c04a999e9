// SPDX-License-Identifier: Apache-2.0
// Pods and all their addresses.
import type { Pod } from '../../../kube/types.gen.ts'
import { asKind } from '../as-kind.ts'
import { defineResource, statusOf } from '../define-resource.ts'
import type { ResourceDefinition, Verb } from '../resource-definition.ts'
import { fieldsAt, textAt } from '../selectable-field.ts'
import { podStrategy } from '../pods/pod-strategy.ts'

const streamVerbs: readonly Verb[] = ['create', 'get']
const changeVerbs: readonly Verb[] = ['get', 'patch', 'update']
const proxyVerbs: readonly Verb[] = ['create', 'delete', 'get', 'patch', 'update']

export const pods: ResourceDefinition = defineResource({
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  subresources: [
    { name: 'attach', kind: 'PodAttachOptions', verbs: streamVerbs },
    { name: 'binding', kind: 'Binding', verbs: ['create'] },
    { name: 'ephemeralcontainers', kind: 'Pod', verbs: changeVerbs },
    { name: 'eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
    { name: 'exec', kind: 'PodExecOptions', verbs: streamVerbs },
    { name: 'log', kind: 'Pod', verbs: ['get'] },
    { name: 'portforward', kind: 'PodPortForwardOptions', verbs: streamVerbs },
    { name: 'proxy', kind: 'PodProxyOptions', verbs: proxyVerbs },
    { name: 'resize', kind: 'Pod', verbs: changeVerbs },
    statusOf('Pod'),
  ],
  selectableFields: {
    ...fieldsAt(
      'spec.nodeName',
      'spec.restartPolicy',
      'spec.schedulerName',
      'spec.serviceAccountName',
      'status.phase',
      'status.podIP',
      'status.nominatedNodeName',
    ),
    'spec.host': textAt('spec.nodeName'),
    'spec.hostNetwork': textAt('spec.hostNetwork', 'false'),
    'status.podIPs': (object) => asKind<Pod>(object).status?.podIPs?.[0]?.ip ?? '',
  },
  strategy: podStrategy,
})
