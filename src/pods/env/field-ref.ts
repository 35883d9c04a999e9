// SPDX-License-Identifier: Apache-2.0
// The downward API's `fieldRef`: fields of the pod as text, for variables and for files. What pods may
// name here is decided by the API server; a path beyond that is refused, never guessed.
import type { Pod } from '../../kube/types.gen.ts'
import type { PodFacts } from '../../provider/provider.ts'
import { VkError } from '../../util/vk-error.ts'

/** What a field may come from beside the pod itself. */
export interface FieldContext {
  readonly facts: PodFacts
  readonly nodeName: string
}

const subscript = /^metadata\.(labels|annotations)\['(.+)'\]$/

/** The text of a field such as `metadata.labels['app']`; absent keys give an empty text. */
export function fieldValue(pod: Pod, fieldPath: string, context: FieldContext): string {
  const [, map, key] = subscript.exec(fieldPath) ?? []
  if (key !== undefined) {
    return (map === 'labels' ? pod.metadata.labels : pod.metadata.annotations)?.[key] ?? ''
  }
  const read = fields[fieldPath]
  if (!read || !Object.hasOwn(fields, fieldPath)) {
    throw new VkError('Invalid', `unsupported fieldPath: ${fieldPath}`, {
      podReason: 'CreateContainerConfigError',
    })
  }
  return read(pod, context)
}

type Reader = (pod: Pod, context: FieldContext) => string

const nodeName: Reader = (pod, context) => pod.spec.nodeName ?? context.nodeName

const fields: Readonly<Record<string, Reader>> = {
  'metadata.name': (pod) => pod.metadata.name,
  'metadata.namespace': (pod) => pod.metadata.namespace,
  'metadata.uid': (pod) => pod.metadata.uid,
  'metadata.labels': (pod) => mapLines(pod.metadata.labels),
  'metadata.annotations': (pod) => mapLines(pod.metadata.annotations),
  'spec.nodeName': nodeName,
  // Its name until Kubernetes 1.0; the API server still takes it.
  'spec.host': nodeName,
  'spec.serviceAccountName': (pod) => pod.spec.serviceAccountName ?? '',
  'status.hostIP': (_pod, { facts }) => facts.hostIPs[0] ?? '',
  'status.hostIPs': (_pod, { facts }) => facts.hostIPs.join(','),
  'status.podIP': (_pod, { facts }) => facts.podIPs[0] ?? '',
  'status.podIPs': (_pod, { facts }) => facts.podIPs.join(','),
}

/** A whole map: one `key="value"` a line, sorted, without a final newline. */
function mapLines(map: Readonly<Record<string, string>> = {}): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${quote(map[key] ?? '')}`)
    .join('\n')
}

const escapes: Readonly<Record<string, string>> = {
  '\u0007': String.raw`\a`,
  '\b': String.raw`\b`,
  '\f': String.raw`\f`,
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
  '\v': String.raw`\v`,
  '"': String.raw`\"`,
  '\\': String.raw`\\`,
}

/** Quotes as Go's strconv does, which is what readers of these files undo. */
function quote(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what must be escaped
  const quoted = text.replaceAll(/[\u0000-\u001f\u007f"\\]/g, (char) => {
    const code = char.charCodeAt(0).toString(16).padStart(2, '0')
    return escapes[char] ?? String.raw`\x${code}`
  })
  return `"${quoted}"`
}
