// SPDX-License-Identifier: Apache-2.0
//
// Batch work on host processes: fan-out through the scheduler, in parallel, and what a Job controller
// makes of exit codes.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Job, PodSpec } from '../../src/kube/types.gen.ts'
import { eventually } from './eventually.ts'
import { kubectlSkipReason } from './find-kubectl.ts'
import { podSpec, Pods, shell } from './pods.ts'
import { startProcessNode, useSharedFolder } from './process-node.ts'
import { skipReason } from './requirements.ts'
import { scaled } from './scenario-size.ts'
import { useCluster } from './use-cluster.ts'

const PODS = scaled(50, 12)

describe('Jobs on host processes', { skip: skipReason }, () => {
  const cluster = useCluster()
  const pods = new Pods(cluster)
  const shared = useSharedFolder()

  before(async () => {
    await startProcessNode(cluster(), { args: ['--node-labels', 'purpose=batch'] })
  })

  async function createJob(name: string, spec: object, template: Partial<PodSpec>) {
    const body = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name },
      spec: {
        ...spec,
        template: {
          spec: podSpec({
            nodeSelector: { purpose: 'batch' },
            restartPolicy: 'Never',
            ...template,
          }),
        },
      },
    }
    await cluster().apply(body)
  }

  async function finished(name: string, condition: 'Complete' | 'Failed'): Promise<Job> {
    return await eventually(
      async () => {
        const job = await cluster().api<Job>(
          'GET',
          `/apis/batch/v1/namespaces/default/jobs/${name}`,
        )
        const conditions = job.status?.conditions ?? []
        return conditions.some((c) => c.type === condition && c.status === 'True') && job
      },
      { what: `Job ${name} to be ${condition}` },
    )
  }

  test('many pods run at the same time, succeed, and their output is whole', async () => {
    // Each waits for all others: none would end if they did not run at the same time.
    const wait = `while set -- ${shared()}/*; [ $# -lt ${PODS} ]; do sleep 0.3; done`
    const index = '$JOB_COMPLETION_INDEX'
    const script = `echo "${index} from"; touch ${shared()}/${index}; ${wait}; echo "to $#"`
    await createJob(
      'fan-out',
      { completions: PODS, parallelism: PODS, completionMode: 'Indexed' },
      { containers: [shell(script)] },
    )
    const job = await finished('fan-out', 'Complete')
    assert.equal(job.status?.succeeded, PODS)
    assert.equal(job.status?.failed ?? 0, 0)
    const names = (await pods.list('job-name=fan-out')).map(({ metadata }) => metadata.name)
    const stdout = (await Promise.all(names.map((name) => pods.logs(name)))).join('')
    const starts = [...stdout.matchAll(/^(\d+) from$/gm)]
    const indexes = starts.map(([, index]) => Number(index)).toSorted((a, b) => a - b)
    assert.deepEqual(indexes, Array.from(Array(PODS).keys()))
    assert.equal(stdout.match(new RegExp(`^to ${PODS}$`, 'gm'))?.length, PODS)
  })

  test('kubectl reads the output of all pods of a Job', { skip: kubectlSkipReason }, async () => {
    const flags = ['-l', 'job-name=fan-out', '--tail=-1', `--max-log-requests=${PODS}`]
    const { stdout } = await cluster().kubectl(['logs', ...flags])
    assert.equal(stdout.match(/^to \d+$/gm)?.length, PODS)
  })

  test('a Job ends as Failed by the exit code that its policy names', async () => {
    const rule = { action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }
    await createJob(
      'exit-42',
      { podFailurePolicy: { rules: [rule] } },
      { containers: [shell('echo no; exit 42')] },
    )
    const job = await finished('exit-42', 'Failed')
    const failed = job.status?.conditions?.find((condition) => condition.type === 'Failed')
    assert.equal(failed?.reason, 'PodFailurePolicy')
    assert.match(failed?.message ?? '', /exit code 42/)
  })

  test('a failed pod is followed by another until the Job succeeds', async () => {
    // The failures end the Job, and with it whoever has not succeeded by then.
    const flag = `${shared()}/first-succeeds`
    const late = `*) until [ -e ${flag} ]; do sleep 0.1; done; exit 1`
    const script = `case $JOB_COMPLETION_INDEX in 0) touch ${flag}; exit 0;; ${late};; esac`
    await createJob(
      'retries',
      { completions: 2, parallelism: 2, completionMode: 'Indexed', backoffLimit: 1 },
      { containers: [shell(script)] },
    )
    const job = await finished('retries', 'Failed')
    assert.equal(job.status?.succeeded, 1)
    assert.equal(job.status?.failed, 2)
  })

  test('a pod that does not tolerate the taint stays away from the node', async () => {
    await pods.create({ name: 'ordinary', spec: { tolerations: [], containers: [shell('true')] } })
    const pod = await pods.until(
      'ordinary',
      (pod) => pod.status?.conditions?.some((c) => c.reason === 'Unschedulable'),
      { what: 'be unschedulable' },
    )
    assert.equal(pod.spec.nodeName, undefined)
    assert.match(JSON.stringify(pod.status), /untolerated taint/)
  })
})
