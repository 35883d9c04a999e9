// SPDX-License-Identifier: Apache-2.0
// deployments/scale and its like: the Scale is read from the workload and written into it.
import { keyOf } from '../../api/api-core.ts'
import { scaleOf, withScale } from '../../api/scale-object.ts'
import { updateObject } from '../../api/update-object.ts'
import { notFound } from '../../objects/api-status.ts'
import type { KubeObject } from '../../objects/kube-object.ts'
import { readObject } from '../request-body.ts'
import { readPatch } from '../request-patch.ts'
import { encoderOf, type ResourceRequest, type VerbContext } from '../read-verbs.ts'
import { named, writeOptions } from '../write-verbs.ts'

const scaleKind = { group: 'autoscaling', version: 'v1', kind: 'Scale' }

export async function answerScale(context: VerbContext, request: ResourceRequest): Promise<void> {
  const { core } = context
  const { exchange, target, resource } = request
  const { object: encode } = encoderOf(exchange, { ...resource, ...scaleKind }, core)
  if (target.verb === 'get') {
    const { object } = await core.store.read(() => {
      const stored = core.store.get(keyOf({ ...target, resource }))
      if (!stored) throw notFound(resource, target.name)
      return stored
    })
    exchange.sendBytes(200, encode(scaleOf(object)))
    return
  }
  const change = await scaleChange(context, request)
  const place = { ...target, resource }
  const { object } = updateObject(
    core,
    place,
    (old) => withScale(old, change(scaleOf(old))),
    writeOptions(exchange),
  )
  await core.store.durable()
  exchange.sendBytes(200, encode(scaleOf(object)))
}

async function scaleChange(
  { core }: VerbContext,
  { exchange, target }: ResourceRequest,
): Promise<(scale: KubeObject) => KubeObject> {
  if (target.verb === 'update') {
    const given = named(await readObject(exchange, scaleKind), target.name)
    return () => given
  }
  const patch = await readPatch(exchange, {
    kind: scaleKind,
    target,
    nowMs: core.clock.nowMs(),
  })
  return patch.change
}
