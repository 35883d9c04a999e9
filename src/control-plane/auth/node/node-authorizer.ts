// SPDX-License-Identifier: Apache-2.0
// What nodes may do: their own Node, lease and pods, and of secrets and the like what their pods refer
// to. What only the content of a request tells (whose node is created?) admission checks later.
import type { Authorizer, Decision, RequestAttributes } from '../authorizer.ts'
import { clusterRoles } from '../bootstrap/cluster-roles.ts'
import { ruleAllows } from '../rbac/match-rule.ts'
import type { User } from '../user.ts'
import type { NodeGraph, RelatedObject } from './node-graph.ts'
import { nodeNameOf } from './node-identity.ts'

const allowed: Decision = { allowed: true, reason: '' }

export class NodeAuthorizer implements Authorizer {
  readonly #graph: NodeGraph
  readonly #rules = clusterRoles.find(({ name }) => name === 'system:node')?.rules ?? []

  constructor(graph: NodeGraph) {
    this.#graph = graph
  }

  authorize(user: User, attributes: RequestAttributes): Decision {
    const node = nodeNameOf(user)
    if (node === undefined) return denied('')
    if (node === '') return denied(`unknown node for user ${JSON.stringify(user.name)}`)
    return attributes.isResource
      ? this.#authorizeResource(node, attributes)
      : this.#authorizeByRules(attributes)
  }

  #authorizeResource(node: string, attributes: RequestAttributes): Decision {
    const { group, resource, subresource } = attributes
    const kind = group === '' ? resource : `${resource}.${group}`
    switch (kind) {
      case 'secrets':
      case 'configmaps':
        return this.#authorizeRead(node, resource as RelatedObject['kind'], attributes)
      case 'persistentvolumeclaims':
        return subresource === 'status'
          ? this.#authorizeStatus(node, attributes)
          : this.#authorizeGet(node, kind, attributes)
      case 'persistentvolumes':
        return this.#authorizeGet(node, kind, attributes)
      case 'resourceclaims.resource.k8s.io':
        return this.#authorizeGet(node, 'resourceclaims', attributes)
      case 'volumeattachments.storage.k8s.io':
        return this.#authorizeGet(node, undefined, attributes)
      case 'serviceaccounts':
        return this.#authorizeServiceAccount(node, attributes)
      case 'leases.coordination.k8s.io':
        return authorizeLease(node, attributes)
      case 'csinodes.storage.k8s.io':
        return authorizeCsiNode(node, attributes)
      case 'resourceslices.resource.k8s.io':
        return authorizeResourceSlice(node, attributes)
      case 'nodes':
        return authorizeNode(node, attributes)
      case 'pods':
        return this.#authorizePod(node, attributes)
      case 'podcertificaterequests.certificates.k8s.io':
        return denied('')
      default:
        return this.#authorizeByRules(attributes)
    }
  }

  #authorizeByRules(attributes: RequestAttributes): Decision {
    return this.#rules.some((rule) => ruleAllows(rule, attributes)) ? allowed : denied('')
  }

  #authorizeRead(
    node: string,
    kind: RelatedObject['kind'],
    attributes: RequestAttributes,
  ): Decision {
    if (!['get', 'list', 'watch'].includes(attributes.verb)) {
      return denied('can only read resources of this type')
    }
    if (attributes.subresource !== '') return denied('cannot read subresource')
    if (attributes.namespace === '') {
      return denied('can only read namespaced object of this type')
    }
    return this.#authorizeRelated(node, kind, attributes)
  }

  #authorizeGet(
    node: string,
    kind: RelatedObject['kind'] | undefined,
    attributes: RequestAttributes,
  ): Decision {
    if (attributes.verb !== 'get') {
      return denied('can only get individual resources of this type')
    }
    if (attributes.subresource !== '') return denied('cannot get subresource')
    return this.#authorizeRelated(node, kind, attributes)
  }

  #authorizeStatus(node: string, attributes: RequestAttributes): Decision {
    if (attributes.verb !== 'update' && attributes.verb !== 'patch') {
      return denied('can only get/update/patch this type')
    }
    return this.#authorizeRelated(node, 'persistentvolumeclaims', attributes)
  }

  #authorizeServiceAccount(node: string, attributes: RequestAttributes): Decision {
    const { name, subresource, verb } = attributes
    if (verb === 'get' && subresource === '') {
      return this.#authorizeRead(node, 'serviceaccounts', attributes)
    }
    if (verb !== 'create' || name === '') {
      return denied('can only create tokens for individual service accounts')
    }
    if (subresource !== 'token') {
      return denied('can only create token subresource of serviceaccount')
    }
    return this.#authorizeRelated(node, 'serviceaccounts', attributes)
  }

  #authorizePod(node: string, attributes: RequestAttributes): Decision {
    const { subresource, verb } = attributes
    if (subresource === 'status') {
      return verb === 'update' || verb === 'patch' ? allowed : denied('')
    }
    if (subresource === 'eviction') return verb === 'create' ? allowed : denied('')
    if (subresource !== '') return denied('')
    switch (verb) {
      case 'get':
        return this.#authorizeGet(node, 'pods', attributes)
      case 'list':
      case 'watch':
        if (isRestrictedTo(attributes, 'spec.nodeName', node)) return allowed
        if (attributes.name !== '') return this.#authorizeRelated(node, 'pods', attributes)
        return denied('can only list/watch pods with spec.nodeName field selector')
      case 'create':
      case 'delete':
        return allowed
      default:
        return denied('')
    }
  }

  /** `kind` is undefined for what has no relations here: nodes do not get it. */
  #authorizeRelated(
    node: string,
    kind: RelatedObject['kind'] | undefined,
    { name, namespace }: RequestAttributes,
  ): Decision {
    if (name === '') return denied('No Object name found')
    const place = kind === 'persistentvolumes' ? '' : namespace
    if (kind && this.#graph.isRelated(node, { kind, namespace: place, name })) return allowed
    return denied(`no relationship found between node '${node}' and this object`)
  }
}

function authorizeNode(node: string, { name, subresource, verb }: RequestAttributes): Decision {
  if (subresource === 'status') {
    return verb === 'update' || verb === 'patch' ? allowed : denied('')
  }
  if (subresource !== '') return denied('')
  switch (verb) {
    case 'create':
    case 'update':
    case 'patch':
      return allowed
    case 'get':
    case 'list':
    case 'watch':
      if (name === node) return allowed
      return denied(
        name === ''
          ? `node '${node}' cannot read all nodes, only its own Node object`
          : `node '${node}' cannot read '${name}', only its own Node object`,
      )
    default:
      return denied('')
  }
}

const ownVerbs = ['get', 'create', 'update', 'patch', 'delete']

function authorizeLease(node: string, { name, namespace, verb }: RequestAttributes): Decision {
  if (!ownVerbs.includes(verb)) {
    return denied('can only get, create, update, patch, or delete a node lease')
  }
  if (namespace !== 'kube-node-lease') {
    return denied('can only access leases in the "kube-node-lease" system namespace')
  }
  if (verb === 'create' || name === node) return allowed
  return denied('can only access node lease with the same name as the requesting node')
}

function authorizeCsiNode(node: string, { name, subresource, verb }: RequestAttributes): Decision {
  if (!ownVerbs.includes(verb)) {
    return denied('can only get, create, update, patch, or delete a CSINode')
  }
  if (subresource !== '') return denied('cannot authorize CSINode subresources')
  if (verb === 'create' || name === node) return allowed
  return denied('can only access CSINode with the same name as the requesting node')
}

function authorizeResourceSlice(node: string, attributes: RequestAttributes): Decision {
  if (attributes.subresource !== '') return denied('cannot authorize ResourceSlice subresources')
  switch (attributes.verb) {
    case 'create':
      return allowed
    case 'watch':
    case 'list':
    case 'deletecollection':
      return isRestrictedTo(attributes, 'spec.nodeName', node)
        ? allowed
        : denied('can only list/watch/deletecollection resourceslices with nodeName field selector')
    default:
      return denied(`no relationship found between node '${node}' and this object`)
  }
}

function isRestrictedTo({ fieldSelector }: RequestAttributes, field: string, value: string) {
  return (fieldSelector ?? []).some(
    ({ key, operator, values }) => key === field && operator === '=' && values[0] === value,
  )
}

function denied(reason: string): Decision {
  return { allowed: false, reason }
}
