// SPDX-License-Identifier: Apache-2.0
// Which of the pod's own mounts a sandbox has failed by, of what was said when it was made: by bubblewrap or by a
// list of calls, in paths of the host or of the half-made root. The pod is told in its own words, and what to do.
import type { DirNode, MountLabel, RootNode } from './root-node.ts'
import type { Sandbox } from './sandbox.ts'

/** What to do, by the kernel's words. */
const remedies: readonly (readonly [RegExp, string])[] = [
  [
    /permission denied|operation not permitted/,
    'the node may not use it: look at its owner, mode and file system there',
  ],
  [/no such file or directory/, 'it is not on the node any more: make it anew, or the pod'],
  [/not a directory|is a directory/, 'a file and a directory cannot lie over each other'],
  [/name too long/, 'choose a shorter mountPath'],
  [/read-only file system/, 'nothing can be made there: choose another mountPath'],
  [
    /symbolic links/,
    'links lead in a circle, or it is an automounter’s: mount it on the node first',
  ],
  [
    /no space left|cannot allocate memory|out of memory/,
    'the node has no room for more mounts (sysctl fs.mount-max)',
  ],
  [
    /stale|i\/o error|input\/output|not connected|host is down|timed out|no such device/,
    'its file system does not answer: mount it anew on the node',
  ],
]

/** One line for the pod; undefined: no mount of the container has failed, or nobody can say which. */
export function mountFailure(
  said: string,
  { root, calls }: Pick<Sandbox, 'root' | 'calls'>,
): string | undefined {
  const [, where, reason = ''] = /^(.*): ([^:\n]+)\n?$/s.exec(said) ?? []
  const label = where === undefined ? undefined : labelIn(where, root, calls?.at ?? '/newroot')
  if (!label) return undefined
  const why = reason.trim().toLowerCase()
  const [, remedy] = remedies.find(([words]) => words.test(why)) ?? []
  return `Cannot mount ${called(label)}: ${why}${remedy === undefined ? '' : `; ${remedy}`}`
}

/** A mount in the pod's words. */
export function called({ name, mountPath }: MountLabel): string {
  const at = `at ${JSON.stringify(shortened(mountPath))}`
  return name === '' ? at : `volume ${JSON.stringify(name)} ${at}`
}

const maxPathLength = 200

function shortened(path: string): string {
  return path.length <= maxPathLength ? path : `${path.slice(0, maxPathLength)}…`
}

interface PlacedMount {
  readonly label: MountLabel
  /** In the container's root. */
  readonly at: string
  readonly source: string | undefined
}

function* placesOf(parent: DirNode, at: string, above?: MountLabel): Generator<PlacedMount> {
  for (const [name, node] of parent.children) {
    if (node.kind === 'link') continue
    const path = `${at}/${name}`
    const label = ownLabel(node) ?? above
    if (label) yield { label, at: path, source: node.kind === 'bind' ? node.source : undefined }
    yield* placesOf(node, path, label)
  }
}

function ownLabel(node: RootNode): MountLabel | undefined {
  return node.kind === 'bind' || node.kind === 'made' ? node.mount : undefined
}

/** The mount whose place is named, or else whose source is, or else the way to whose place is. */
function labelIn(where: string, root: DirNode, base: string): MountLabel | undefined {
  const places = [...placesOf(root, '')]
  const isAt = ({ at }: PlacedMount): boolean => names(where, at) || names(where, base + at)
  const isFrom = ({ source }: PlacedMount): boolean =>
    source !== undefined && (names(where, source) || names(where, `/oldroot${source}`))
  const isOnTheWay = ({ at }: PlacedMount): boolean => {
    if (!/mkdir|create/i.test(where)) return false
    const above = at.split('/').slice(0, -1)
    const ways = above.map((_, index) => above.slice(0, index + 1).join('/')).slice(1)
    return ways.some((path) => names(where, path) || names(where, base + path))
  }
  return (places.find(isAt) ?? places.find(isFrom) ?? places.find(isOnTheWay))?.label
}

/** Does the text hold this path, and not one that begins or ends with it? */
function names(text: string, path: string): boolean {
  for (let at = text.indexOf(path); at !== -1; at = text.indexOf(path, at + 1)) {
    const [before = ' ', after = ' '] = [text[at - 1], text[at + path.length]]
    if (/[\s'"]/.test(before) && /[\s'":]/.test(after)) return true
  }
  return false
}
