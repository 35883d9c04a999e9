// SPDX-License-Identifier: Apache-2.0
//
// Compares kubectl's answers on a real control plane with those on the embedded one, both run here:
// node test/e2e/kubectl-parity/run.ts [--record] [GROUP…]. With --record the real one's answers become what the
// tests compare with. Needs what `npm run e2e` needs.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildControlPlane } from '../control-plane/build.ts'
import { KUBECTL_VARIABLE } from '../find-kubectl.ts'
import { runInNamespace, runWithFolder } from '../run-in-namespace.ts'
import { PLANE_VARIABLE } from '../test-control-plane.ts'
import type { PlaneKind } from '../test-control-plane.ts'
import { acceptedFor, unexplained } from './accepted-differences.ts'
import { allGroups } from './groups/all-groups.ts'
import { recordOutcomes } from './recorded-outcomes.ts'
import { caseId } from './parity-case.ts'
import type { ParityGroup } from './parity-case.ts'
import type { Outcomes } from './run-groups.ts'

type Collected = Readonly<Record<string, Outcomes>>

async function main(args: readonly string[]): Promise<number> {
  const names = args.filter((arg) => !arg.startsWith('--'))
  const groups = allGroups.filter(({ name }) => names.length === 0 || names.includes(name))
  process.env[KUBECTL_VARIABLE] ??= join(buildControlPlane(), 'kubectl')
  const real = await collect('real', names)
  if (args.includes('--record')) {
    for (const group of groups) recordOutcomes(group, real[group.name] ?? {})
  }
  const embedded = await collect('embedded', names)
  return groups.map((group) => report(group, real, embedded)).every(Boolean) ? 0 : 1
}

async function collect(plane: PlaneKind, names: readonly string[]): Promise<Collected> {
  const folder = mkdtempSync(join(tmpdir(), 'vk-parity-'))
  const file = join(folder, 'outcomes.json')
  const command = [process.execPath, join(import.meta.dirname, 'collect.ts'), file, ...names]
  process.env[PLANE_VARIABLE] = plane
  try {
    const code = plane === 'real' ? await runInNamespace(command) : await runWithFolder(command, {})
    if (code !== 0) throw new Error(`Cannot run the cases on the ${plane} control plane`)
    return JSON.parse(readFileSync(file, 'utf8')) as Collected
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Prints the group's balance and what is not explained; true when all is. */
function report(group: ParityGroup, real: Collected, embedded: Collected): boolean {
  const faults = group.cases.flatMap((one) => {
    const id = caseId(group, one)
    const [expected, actual] = [real[group.name]?.[id], embedded[group.name]?.[id]]
    const lines = unexplained(id, { expected, actual })
    return lines.length === 0 ? [] : [`  ${id}`, ...lines.map((line) => `    ${line}`)]
  })
  const accepted = group.cases.filter((one) => acceptedFor(caseId(group, one))).length
  console.log(`${group.title}: ${group.cases.length} cases, ${accepted} explained differences`)
  for (const line of faults) console.log(line)
  return faults.length === 0
}

process.exitCode = await main(process.argv.slice(2))
