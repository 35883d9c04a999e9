// SPDX-License-Identifier: Apache-2.0
// POST pods/NAME/binding, and the older POST bindings that names the pod in its body.
import { bindPod } from '../../api/bind-pod.ts'
import { definitionOf } from '../../api/definition-of.ts'
import { invalid } from '../../objects/api-status.ts'
import { notSupported, required } from '../../objects/field-error.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { readObject } from '../request-body.ts'
import type { ResourceRequest, VerbContext } from '../read-verbs.ts'
import { writeOptions } from '../write-verbs.ts'

const bindingKind = { group: '', version: 'v1', kind: 'Binding' }

export async function answerBinding(
  { core }: VerbContext,
  { exchange, target }: ResourceRequest,
): Promise<void> {
  const binding = await readObject(exchange, bindingKind)
  const name = target.name || (binding.metadata.name ?? '')
  const nodeName = nodeNameIn(binding, name)
  const { uid, annotations, labels } = binding.metadata
  bindPod(
    core,
    {
      resource: definitionOf({ apiVersion: 'v1', plural: 'pods' }),
      namespace: target.namespace,
      name,
      subresource: 'binding',
    },
    {
      nodeName,
      ...(uid && { uid }),
      ...(annotations && { annotations }),
      ...(labels && { labels }),
    },
    writeOptions(exchange),
  )
  await core.store.durable()
  const success = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }
  exchange.sendJson(201, success)
}

function nodeNameIn(binding: KubeObject, name: string): string {
  const { kind = '', name: nodeName = '' } = (binding['target'] ?? {}) as {
    readonly kind?: string
    readonly name?: string
  }
  const errors = [
    ...(kind !== '' && kind !== 'Node'
      ? [notSupported('target.kind', kind, ['Node', '<empty>'])]
      : []),
    ...(nodeName === '' ? [required('target.name')] : []),
  ]
  if (errors.length > 0) throw invalid(bindingKind, name, errors)
  return nodeName
}
