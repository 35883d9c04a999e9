// SPDX-License-Identifier: Apache-2.0
//
// Prints the functions of a CPU profile that took the most time: by themselves, and with all that they
// called. Work that continues after an await counts for nobody but itself.
//   node bench/profile-top.ts <file.cpuprofile> [how many]
import { readFileSync } from 'node:fs'

interface ProfileNode {
  readonly id: number
  readonly callFrame: {
    readonly functionName: string
    readonly url: string
    readonly lineNumber: number
  }
  readonly children?: readonly number[]
}

interface Profile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const [file = '', count = '25'] = process.argv.slice(2)
const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8')) as Profile
const byId = new Map(nodes.map((node) => [node.id, node]))
const selfOfNode = new Map<number, number>()
for (const [index, id] of samples.entries()) {
  selfOfNode.set(id, (selfOfNode.get(id) ?? 0) + (timeDeltas[index] ?? 0) / 1000)
}
const selfMs = new Map<string, number>()
const totalMs = new Map<string, number>()
const [root] = nodes
if (root) walk(root, new Set())
const busyMs = [...selfMs].reduce((sum, [name, ms]) => (name === '(idle)' ? sum : sum + ms), 0)
for (const [title, times] of [
  ['itself', selfMs],
  ['with what it called', totalMs],
] as const) {
  console.log(`${title}:`)
  const top = [...times].filter(([name]) => !['(idle)', '(root)'].includes(name))
  for (const [name, ms] of top.sort(([, a], [, b]) => b - a).slice(0, Number(count))) {
    const share = ((100 * ms) / busyMs).toFixed(1).padStart(5)
    console.log(`${share} %  ${ms.toFixed(0).padStart(6)} ms  ${name}`)
  }
}

/** Adds up a subtree; `open` are the functions above it, which count a recursion once. */
function walk(node: ProfileNode, open: ReadonlySet<string>): number {
  const name = nameOf(node)
  const self = selfOfNode.get(node.id) ?? 0
  const inside = new Set(open).add(name)
  let total = self
  for (const id of node.children ?? []) {
    const child = byId.get(id)
    if (child) total += walk(child, inside)
  }
  selfMs.set(name, (selfMs.get(name) ?? 0) + self)
  if (!open.has(name)) totalMs.set(name, (totalMs.get(name) ?? 0) + total)
  return total
}

function nameOf({ callFrame }: ProfileNode): string {
  const { functionName, url, lineNumber } = callFrame
  const path = url.replace(/^.*\/(src|node_modules)\//, '$1/')
  return `${functionName || '(anonymous)'}${url === '' ? '' : ` ${path}:${lineNumber + 1}`}`
}
