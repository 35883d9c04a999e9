// SPDX-License-Identifier: Apache-2.0
//
// Runs groups on the control plane that the environment chooses and writes the outcomes to a file:
// node collect.ts FILE [GROUP…]. Started by run.ts, once for each control plane.
import { writeFileSync } from 'node:fs'
import { startCluster } from '../cluster.ts'
import { allGroups } from './groups/all-groups.ts'
import type { ParityGroup } from './parity-case.ts'
import { runGroup, startParityNodes } from './run-groups.ts'
import type { Outcomes } from './run-groups.ts'

/** Groups that run side by side; each waits for kubectl most of its time. */
const LANES = 4

const [file = '', ...names] = process.argv.slice(2)
await using cluster = await startCluster()
await startParityNodes(cluster)
const chosen = allGroups.filter(({ name }) => names.length === 0 || names.includes(name))
const waiting = chosen.filter((group) => !group.isExclusive)
const outcomes: Record<string, Outcomes> = {}

async function lane(): Promise<void> {
  for (let group = waiting.shift(); group; group = waiting.shift()) await collect(group)
}

async function collect(group: ParityGroup): Promise<void> {
  const start = performance.now()
  try {
    outcomes[group.name] = await runGroup(cluster, group)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
  console.error(`${group.name}: ${Math.round(performance.now() - start)} ms`)
}

await Promise.all(Array.from({ length: LANES }, lane))
for (const group of chosen) if (group.isExclusive) await collect(group)
writeFileSync(file, JSON.stringify(outcomes))
