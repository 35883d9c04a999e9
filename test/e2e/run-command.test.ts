// SPDX-License-Identifier: Apache-2.0
//
// `virtual-kubelet run --kubeconfig`: on the nodes of a cluster that is there, and with one that joins it
// for the time of the run.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Job } from '../../src/kube/types.gen.ts'
import { runCli } from '../support/cli-process.ts'
import type { List } from './pods.ts'
import { startProcessNode } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { useCluster } from './use-cluster.ts'

interface Named {
  readonly metadata: { readonly name: string }
}

const fanOut = join(import.meta.dirname, '../../examples/fan-out.yaml')

describe('run on a cluster that is there', { skip: skipReason }, () => {
  const cluster = useCluster()
  const run = (...args: string[]) =>
    runCli(['run', fanOut, '--kubeconfig', cluster().kubeconfig, '--timeout', '300s', ...args])

  async function names(): Promise<readonly string[]> {
    const paths = ['/api/v1/nodes', '/api/v1/pods', '/apis/batch/v1/jobs']
    const lists = await Promise.all(paths.map((path) => cluster().api<List<Named>>('GET', path)))
    return lists.flatMap(({ items }) => items.map(({ metadata }) => metadata.name))
  }

  test('a node joins for the run, and nothing of either is left', async () => {
    const before = await names()
    const { code, stdout, stderr } = await run('--provider', 'process')
    assert.equal(code, 0, stderr)
    assert.equal(stdout.match(/ \| piece \d+ is done$/gm)?.length, 12, stdout)
    assert.equal(stdout.match(/^fan-out-\d+-\S+ +\S+ +Succeeded +0 /gm)?.length, 12, stdout)
    assert.deepEqual(await names(), before)
  })

  test("the cluster's own nodes run it; --keep leaves it there, and it is not run twice", async () => {
    await startProcessNode(cluster(), { nodeName: 'own' })
    const first = await run('--keep')
    assert.equal(first.code, 0, first.stderr)
    assert.match(first.stdout, /^fan-out-0-\S+ +own +Succeeded /m)
    const path = '/apis/batch/v1/namespaces/default/jobs/fan-out'
    const job = await cluster().api<Job>('GET', path)
    assert.equal(job.status?.succeeded, 12)
    const second = await run()
    assert.equal(second.code, 2)
    assert.match(second.stderr, /Cannot run job\/fan-out: it is in the cluster already, and over/)
    assert.equal((await cluster().api<Job>('GET', path)).metadata.uid, job.metadata.uid)
  })
})
