// SPDX-License-Identifier: Apache-2.0
//
// CPU time of container starts of the process provider without anything around them: virtual-kubelet's own, and
// that of all programs on the way, which a control group counts. Fit for a busy machine, for it counts no waiting.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { keyOf, processWorld } from '../../test/support/process-runtime.ts'
import { percentile } from '../measure.ts'

const { values } = parseArgs({
  options: {
    pods: { type: 'string', default: '50' },
    /** Pods that are started before, and count for nothing. */
    warmup: { type: 'string', default: '20' },
    containers: { type: 'string', default: '2' },
    /** Of the process provider. */
    isolation: { type: 'string', default: 'bubblewrap' },
    /** Of the containers, such as RuntimeDefault. */
    seccomp: { type: 'string', default: 'Unconfined' },
  },
})
const pods = Number(values.pods)
const warmup = Number(values.warmup)

/** A group of cgroup v1's CPU accounting, in which this process and all that it starts is counted. */
const groupName = `virtual-kubelet-start-cost-${process.pid}`
const groupDir = `/sys/fs/cgroup/cpuacct/${groupName}`

async function main(): Promise<void> {
  mkdirSync(groupDir)
  writeFileSync(`${groupDir}/cgroup.procs`, String(process.pid))
  {
    await using world = await processWorld({
      isolation: values.isolation,
      cgroupRoot: `/${groupName}`,
    })
    const names = Array.from({ length: Number(values.containers) }, (_, index) => `c${index}`)
    const delays: number[] = []
    const up = async (uid: string): Promise<void> => {
      for (const name of names) {
        const start = world.start({ uid, name, command: ['/bin/sleep', '86400'] })
        const containers = names.map((one) => ({ ...start.spec, name: one }))
        const security = { seccompProfile: { type: values.seccomp } }
        const pod = {
          ...start.pod,
          spec: { ...start.pod.spec, containers, securityContext: security },
        }
        const before = performance.now()
        await world.runtime.startContainer({ ...start, pod }, world.context)
        delays.push(performance.now() - before)
      }
    }
    for (let index = 0; index < warmup; index += 1) await up(`warm-${index}`)
    delays.length = 0
    // What Node.js compiles beside its work, of itself and of us, is not the starts'.
    await sleep(5000)
    const own = process.cpuUsage()
    const all = groupMs()
    for (let index = 0; index < pods; index += 1) await up(`pod-${index}`)
    const { user, system } = process.cpuUsage(own)
    const ownMs = (user + system) / 1000
    // What is on its way to its program is still counted.
    await sleep(500)
    const othersMs = groupMs() - all - ownMs
    const each = pods * names.length
    delays.sort((a, b) => a - b)
    console.log(
      `isolation ${values.isolation}, seccomp ${values.seccomp}: for each container ${(ownMs / each).toFixed(2)} ms of our own CPU, ` +
        `${(othersMs / each).toFixed(2)} ms of programs on the way; startContainer p50 ${percentile(delays, 0.5).toFixed(1)} ms`,
    )
    for (const name of names)
      for (let index = 0; index < warmup; index += 1)
        await world.runtime.removeContainer(keyOf(`warm-${index}`, name))
  }
  writeFileSync('/sys/fs/cgroup/cpuacct/cgroup.procs', String(process.pid))
  for (const controller of readdirSync('/sys/fs/cgroup')) {
    const dir = `/sys/fs/cgroup/${controller}/${groupName}`
    if (existsSync(dir)) rmdirSync(dir)
  }
}

function groupMs(): number {
  return Number(readFileSync(`${groupDir}/cpuacct.usage`, 'utf8')) / 1e6
}

await main()
