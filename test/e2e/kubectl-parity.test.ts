// SPDX-License-Identifier: Apache-2.0
//
// kubectl, verb by verb: what it prints here is what it printed on a real control plane, but for the differences
// that kubectl-parity/accepted-differences.ts explains. On a real one this shows that the record still holds.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { before, describe, test } from 'node:test'
import { findKubectl, kubectlSkipReason } from './find-kubectl.ts'
import { unexplained } from './kubectl-parity/accepted-differences.ts'
import { differences } from './kubectl-parity/compare-outcomes.ts'
import { allGroups } from './kubectl-parity/groups/all-groups.ts'
import { caseId } from './kubectl-parity/parity-case.ts'
import type { ParityGroup } from './kubectl-parity/parity-case.ts'
import { RECORDED_KUBECTL, recordedOutcomes } from './kubectl-parity/recorded-outcomes.ts'
import { runGroup, startParityNodes } from './kubectl-parity/run-groups.ts'
import { skipReason } from './requirements.ts'
import { isQuick } from './scenario-size.ts'
import { planeKind } from './test-control-plane.ts'
import { useCluster } from './use-cluster.ts'

interface Version {
  readonly clientVersion: { readonly gitVersion: string }
}

const tooLong = isQuick && 'keeps two cores busy for a minute and more: not in a quick run'
const skip = skipReason || tooLong || kubectlSkipReason || versionSkipReason()

function versionSkipReason(): string | false {
  const text = execFileSync(findKubectl(), ['version', '--client', '--output=json'], {
    encoding: 'utf8',
  })
  const { gitVersion } = (JSON.parse(text) as Version).clientVersion
  const isRecorded = gitVersion.startsWith(`v${RECORDED_KUBECTL}.`)
  return isRecorded ? false : `needs kubectl ${RECORDED_KUBECTL}, of which answers are recorded`
}

describe('kubectl answers as on a real control plane:', { skip }, () => {
  const cluster = useCluster()
  before(async () => await startParityNodes(cluster()))

  async function compare(group: ParityGroup): Promise<void> {
    const recorded = recordedOutcomes(group)
    const outcomes = await runGroup(cluster(), group)
    const faults = group.cases.flatMap((one) => {
      const id = caseId(group, one)
      const [expected, actual] = [recorded[id], outcomes[id]]
      const lines =
        planeKind === 'real' ? differences(expected, actual) : unexplained(id, { expected, actual })
      return lines.length === 0 ? [] : [id, ...lines.map((line) => `  ${line}`)]
    })
    assert.equal(faults.length, 0, `differs from the record:\n${faults.join('\n')}`)
  }

  describe('side by side', { concurrency: 4 }, () => {
    for (const group of allGroups.filter(({ isExclusive }) => !isExclusive)) {
      test(group.title, async () => await compare(group))
    }
  })

  for (const group of allGroups.filter(({ isExclusive }) => isExclusive)) {
    test(group.title, async () => await compare(group))
  }
})
