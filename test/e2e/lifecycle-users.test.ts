// SPDX-License-Identifier: Apache-2.0
//
// Whom containers of host processes run as, with which rights, and what of that is refused by its name.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Container, PodSpec } from '../../src/kube/types.gen.ts'
import { noSandbox } from '../support/sandbox-world.ts'
import { Pods, shell, stateOf, statusOf } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { provider } from './scenario-provider.ts'
import { useCluster } from './use-cluster.ts'

const isRoot = process.getuid?.() === 0
const skip =
  skipReason ||
  provider.without.hostProcesses ||
  noSandbox ||
  (!isRoot && 'an ordinary user has nobody else to run containers as')

const [user, group, extra] = [12_345, 12_346, 12_347]

describe('users of host processes', { skip, concurrency: true }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)

  before(async () => {
    const config = {
      isolation: 'bubblewrap',
      allowedUsers: [user],
      allowedGroups: [group, extra],
      allowRoot: false,
    }
    await startProcessNode(cluster(), { config })
  })

  const rights =
    'id -u; id -g; id -G; grep -E "^(CapEff|CapBnd|NoNewPrivs)" /proc/self/status; touch /etc/x /tmp/x'

  test('user, groups and rights are those that the pod asks for, and its status says so', async () => {
    const container = shell(rights, {
      securityContext: {
        runAsGroup: group,
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
      },
    })
    const securityContext = { runAsUser: user, runAsNonRoot: true, supplementalGroups: [extra] }
    await pods.create({
      name: 'someone',
      spec: { restartPolicy: 'Never', securityContext, containers: [container] },
    })
    await pods.untilPhase('someone', 'Failed')
    const text = await pods.logs('someone')
    assert.match(text, new RegExp(`^${user}\\n${group}\\n${group} ${extra}\\n`))
    assert.match(text, /^CapEff:\t0+$/m)
    assert.match(text, /^NoNewPrivs:\t1$/m)
    // Where nothing can be written, /tmp is as read-only as everything else.
    assert.match(text, /\/etc\/x.*\n.*\/tmp\/x.*\n$/)
    await pods.create({
      name: 'shown',
      spec: { securityContext, containers: [shell('exec sleep 600')] },
    })
    const running = await pods.untilPhase('shown', 'Running')
    assert.equal(statusOf(running)?.user?.linux?.uid, user)
    assert.ok(statusOf(running)?.user?.linux?.supplementalGroups?.includes(extra))
    await pods.end('shown', { gracePeriodSeconds: 1 })
  })

  const refusals: Readonly<
    Record<string, { spec?: Partial<PodSpec>; container?: Partial<Container>; why: RegExp }>
  > = {
    'user-of-others': {
      spec: { securityContext: { runAsUser: 1 } },
      why: /asks for user 1, .*allowedUsers/,
    },
    root: { spec: { securityContext: { runAsUser: 0 } }, why: /allowRoot/ },
    'group-of-others': {
      spec: { securityContext: { runAsUser: user, runAsGroup: 1 } },
      why: /allowedGroups/,
    },
    privileged: {
      container: { securityContext: { privileged: true } },
      why: /securityContext\.privileged/,
    },
    mighty: {
      container: { securityContext: { capabilities: { add: ['SYS_ADMIN'] } } },
      why: /SYS_ADMIN/,
    },
  }

  for (const [name, { spec = {}, container = {}, why }] of Object.entries(refusals)) {
    test(`what the node does not give is refused: ${name}`, async () => {
      await pods.create({ name, spec: { ...spec, containers: [shell('true', container)] } })
      await pods.until(name, (one) => why.test(stateOf(one)?.waiting?.message ?? ''), {
        what: `be refused with ${why}`,
      })
      await pods.end(name)
    })
  }
})
