// SPDX-License-Identifier: Apache-2.0
//
// Prints the functions of a CPU profile that took the most time themselves.
//   node bench/profile-top.ts <file.cpuprofile> [how many]
import { readFileSync } from 'node:fs'

interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
    }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const [file = '', count = '25'] = process.argv.slice(2)
const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8')) as Profile
const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
const selfMs = new Map<string, number>()
for (const [index, id] of samples.entries()) {
  const name = names.get(id) ?? ''
  selfMs.set(name, (selfMs.get(name) ?? 0) + (timeDeltas[index] ?? 0) / 1000)
}
selfMs.delete('(idle)')
const total = [...selfMs.values()].reduce((sum, ms) => sum + ms, 0)
const top = [...selfMs].sort(([, a], [, b]) => b - a).slice(0, Number(count))
for (const [name, ms] of top) {
  console.log(
    `${((100 * ms) / total).toFixed(1).padStart(5)} %  ${ms.toFixed(0).padStart(6)} ms  ${name}`,
  )
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const place =
    url === '' ? '' : ` ${url.replace(/^.*\/(src|node_modules)\//, '$1/')}:${lineNumber + 1}`
  return `${functionName || '(anonymous)'}${place}`
}
