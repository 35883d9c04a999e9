// SPDX-License-Identifier: Apache-2.0
// The labels by which this node knows its containers again, also after a kill -9, and by which it never
// takes another's: cluster and node come first, and nothing without both is ever touched.
import { createHash } from 'node:crypto'
import type { PodRef } from '../../../provider/provider.ts'
import type { ContainerKey } from '../../../runtime/container-runtime.ts'

const prefix = 'io.virtual-kubelet.'

/** Whose containers are meant. */
export interface Owner {
  readonly clusterId: string
  readonly nodeName: string
}

/** What a container of ours is. */
export type Labelled =
  | { readonly kind: 'sandbox'; readonly pod: PodRef }
  | { readonly kind: 'container'; readonly key: ContainerKey; readonly image: LabelledImage }

export interface LabelledImage {
  /** As the container names it. */
  readonly name: string
  /** For status.imageID. */
  readonly reference: string
}

type Labels = Readonly<Record<string, string>>

/** Labels that every object of this node has. */
export function ownerLabels({ clusterId, nodeName }: Owner): Labels {
  return { [`${prefix}cluster`]: clusterId, [`${prefix}node`]: nodeName }
}

/** The value of the `filters` query for them. */
export function ownerFilter(owner: Owner): readonly string[] {
  return Object.entries(ownerLabels(owner)).map(([name, value]) => `${name}=${value}`)
}

/**
 * Is it this node's? Asked of everything that an engine names, however it was asked for: engines differ in
 * what several labels in a filter mean.
 */
export function isOwn(owner: Owner, labels: Labels | null | undefined): boolean {
  return Object.entries(ownerLabels(owner)).every(([name, value]) => labels?.[name] === value)
}

export function sandboxLabels(owner: Owner, pod: PodRef): Labels {
  return { ...ownerLabels(owner), ...podLabels(pod), [`${prefix}kind`]: 'sandbox' }
}

/** `spec` is the container's as written; its hash tells whether it is still the same. */
export function containerLabels(
  owner: Owner,
  {
    key,
    image,
    spec,
  }: { readonly key: ContainerKey; readonly image: LabelledImage; readonly spec: object },
): Labels {
  return {
    ...ownerLabels(owner),
    ...podLabels(key.pod),
    [`${prefix}kind`]: 'container',
    [`${prefix}container`]: key.name,
    [`${prefix}attempt`]: String(key.attempt),
    [`${prefix}image`]: image.name,
    [`${prefix}image.id`]: image.reference,
    [`${prefix}spec`]: hashOf(spec),
  }
}

/** Reads them back; undefined for anything that is not whole. */
export function readLabels(labels: Labels | null | undefined): Labelled | undefined {
  const get = (name: string): string | undefined => labels?.[prefix + name]
  const [uid, name, namespace] = [get('pod.uid'), get('pod.name'), get('pod.namespace')]
  if (!uid || !name || !namespace) return undefined
  const pod = { namespace, name, uid }
  if (get('kind') === 'sandbox') return { kind: 'sandbox', pod }
  const [container, attempt] = [get('container'), Number(get('attempt') ?? 'none')]
  if (get('kind') !== 'container' || !container || !Number.isInteger(attempt)) return undefined
  const image = { name: get('image') ?? '', reference: get('image.id') ?? '' }
  return { kind: 'container', key: { pod, name: container, attempt }, image }
}

/** One run of one container, as a key of maps. */
export function idOf({ pod, name, attempt }: ContainerKey): string {
  return `${pod.uid}/${name}/${attempt}`
}

/** A name that people can read, and that a second create of the same run finds taken. */
export function engineName(pod: PodRef, container: { name: string; attempt: number }): string {
  const words = [container.name, pod.name, pod.namespace].map((word) => word.slice(0, 40))
  return ['vk', ...words, pod.uid, container.attempt].join('_')
}

function podLabels({ namespace, name, uid }: PodRef): Labels {
  return {
    [`${prefix}pod.namespace`]: namespace,
    [`${prefix}pod.name`]: name,
    [`${prefix}pod.uid`]: uid,
  }
}

function hashOf(spec: object): string {
  return createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 16)
}
