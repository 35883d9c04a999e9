// SPDX-License-Identifier: Apache-2.0
// The resources of the core group, in the order in which discovery lists them.
import { defineResource, statusOf } from '../define-resource.ts'
import { configMapStrategy, secretStrategy } from '../core/config-strategies.ts'
import { endpointsStrategy } from '../core/endpoint-strategies.ts'
import { nodeStrategy } from '../core/node-strategy.ts'
import { limitRangeStrategy, resourceQuotaStrategy } from '../core/quota-strategies.ts'
import { coreEventStrategy } from '../events/event-strategies.ts'
import { serviceAccountStrategy } from '../policy/small-strategies.ts'
import { serviceStrategy } from '../services/service-strategy.ts'
import { claimStrategy, volumeStrategy } from '../storage/claim-strategies.ts'
import { podTemplateStrategy } from '../workloads/pod-template-strategy.ts'
import type { ResourceDefinition, Verb } from '../resource-definition.ts'
import { fieldsAt, textAt } from '../selectable-field.ts'
import { coreEventFields } from '../events/event-fields.ts'
import { namespaces } from './namespaces.ts'
import { pods } from './pods.ts'

const proxyVerbs: readonly Verb[] = ['create', 'delete', 'get', 'patch', 'update']

const bindings = defineResource({
  kind: 'Binding',
  plural: 'bindings',
  verbs: ['create'],
  isVirtual: true,
})

const configMaps = defineResource({
  kind: 'ConfigMap',
  plural: 'configmaps',
  shortNames: ['cm'],
  strategy: configMapStrategy,
})

const endpoints = defineResource({
  kind: 'Endpoints',
  plural: 'endpoints',
  shortNames: ['ep'],
  strategy: endpointsStrategy,
})

const events = defineResource({
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  selectableFields: coreEventFields,
  strategy: coreEventStrategy,
})

const limitRanges = defineResource({
  kind: 'LimitRange',
  plural: 'limitranges',
  shortNames: ['limits'],
  strategy: limitRangeStrategy,
})

const nodes = defineResource({
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  isNamespaced: false,
  subresources: [{ name: 'proxy', kind: 'NodeProxyOptions', verbs: proxyVerbs }, statusOf('Node')],
  selectableFields: { 'spec.unschedulable': textAt('spec.unschedulable', 'false') },
  strategy: nodeStrategy,
})

const persistentVolumeClaims = defineResource({
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  shortNames: ['pvc'],
  subresources: [statusOf('PersistentVolumeClaim')],
  strategy: claimStrategy,
})

const persistentVolumes = defineResource({
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  shortNames: ['pv'],
  isNamespaced: false,
  subresources: [statusOf('PersistentVolume')],
  strategy: volumeStrategy,
})

const podTemplates = defineResource({
  kind: 'PodTemplate',
  plural: 'podtemplates',
  strategy: podTemplateStrategy,
})

const resourceQuotas = defineResource({
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  shortNames: ['quota'],
  subresources: [statusOf('ResourceQuota')],
  strategy: resourceQuotaStrategy,
})

const secrets = defineResource({
  kind: 'Secret',
  plural: 'secrets',
  selectableFields: fieldsAt('type'),
  strategy: secretStrategy,
})

const serviceAccounts = defineResource({
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  shortNames: ['sa'],
  subresources: [
    {
      name: 'token',
      kind: 'TokenRequest',
      group: 'authentication.k8s.io',
      version: 'v1',
      verbs: ['create'],
    },
  ],
  strategy: serviceAccountStrategy,
})

const services = defineResource({
  kind: 'Service',
  plural: 'services',
  shortNames: ['svc'],
  categories: ['all'],
  subresources: [statusOf('Service')],
  selectableFields: fieldsAt('spec.clusterIP', 'spec.type'),
  strategy: serviceStrategy,
})

export const coreGroup: readonly ResourceDefinition[] = [
  bindings,
  configMaps,
  endpoints,
  events,
  limitRanges,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  podTemplates,
  resourceQuotas,
  secrets,
  serviceAccounts,
  services,
]
