// SPDX-License-Identifier: Apache-2.0
//
// What the real control plane answered, normalised, in recorded/GROUP.json: so that the embedded one can be
// compared where no real one is at hand. `node test/e2e/kubectl-parity/run.ts --record` writes it anew.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { caseId } from './parity-case.ts'
import type { ParityGroup } from './parity-case.ts'
import type { Outcomes } from './run-groups.ts'

const FOLDER = join(import.meta.dirname, 'recorded')

/** The minor version of the kubectl that the outcomes are from; others word things differently. */
export const RECORDED_KUBECTL = '1.36'

interface RecordedOutcome {
  readonly code?: number
  readonly stdout?: readonly string[]
  readonly stderr?: readonly string[]
}

/** Outcomes of a group by the case's id. */
export function recordedOutcomes(group: ParityGroup): Outcomes {
  const text = readFileSync(join(FOLDER, `${group.name}.json`), 'utf8')
  const recorded = JSON.parse(text) as Record<string, RecordedOutcome>
  return Object.fromEntries(
    Object.entries(recorded).map(([id, { code = 0, stdout = [], stderr = [] }]) => [
      id,
      { code, stdout: stdout.join('\n'), stderr: stderr.join('\n') },
    ]),
  )
}

/** Replaces what is recorded of a group. */
export function recordOutcomes(group: ParityGroup, outcomes: Outcomes): void {
  const recorded: Record<string, RecordedOutcome> = {}
  for (const one of group.cases) {
    const id = caseId(group, one)
    const { code, stdout, stderr } = outcomes[id] ?? { code: -1, stdout: '', stderr: '' }
    recorded[id] = {
      ...(code !== 0 && { code }),
      ...(stdout !== '' && { stdout: stdout.split('\n') }),
      ...(stderr !== '' && { stderr: stderr.split('\n') }),
    }
  }
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, `${group.name}.json`), `${JSON.stringify(recorded, null, 1)}\n`)
}
