// SPDX-License-Identifier: Apache-2.0
//
// Who starts pods of two containers on an engine: the provider, and beside it the same three containers (a
// sandbox and two that join it) by requests to the engine's API and by its command line.
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Pod } from '../../src/kube/types.gen.ts'
import { removeGroup } from '../../src/providers/docker/sandbox/cgroup-files.ts'
import { isRunning, refOf, type ProviderFixture } from '../../src/testing/provider-fixture.ts'
import type { EngineDaemon } from '../../test/docker/engine-daemon.ts'
import { testImage } from '../../test/docker/test-image.ts'

/** Starts a pod; what it resolves with removes the pod again. */
export type Contender = () => Promise<() => Promise<void>>

/** What was started. */
interface Started {
  /** Of containers, those that depend on others first. */
  readonly ids: readonly string[]
  /** The control group that holds theirs, which engines leave. */
  readonly group?: string
}

const command = ['sleep', '86400']
const run = promisify(execFile)

/** By name; the first is what the others are held against. */
export function contendersOn(
  daemon: EngineDaemon,
  fixture: ProviderFixture,
): Readonly<Record<string, Contender>> {
  const removing = (start: (daemon: EngineDaemon) => Promise<Started>): Contender => {
    return async () => {
      const { ids, group } = await start(daemon)
      return async () => {
        for (const id of ids) await daemon.api.remove(id)
        if (group !== undefined) await removeWhenEmpty(group)
      }
    }
  }
  return {
    'raw API': removing(startRaw),
    provider: async () => {
      const pod = await startedPod(fixture)
      return async () => await endPod(fixture, pod)
    },
    'command line': removing(startByCommand),
  }
}

/** Told by the provider, as the core is; nothing polls. */
export async function startedPod(fixture: ProviderFixture): Promise<Pod> {
  const container = { image: testImage, command }
  const pod = fixture.pod([{ container }, { container }])
  const { promise, resolve } = Promise.withResolvers<void>()
  const watch = fixture.provider.watchPods?.((observed) => {
    if (observed.ref.uid === pod.metadata.uid && isRunning(observed)) resolve()
  })
  await fixture.create(pod)
  await promise
  watch?.[Symbol.dispose]()
  return pod
}

async function endPod(fixture: ProviderFixture, pod: Pod): Promise<void> {
  const { provider, context } = fixture
  await fixture.delete(pod, 0)
  await fixture.until(pod, 'has ended', ({ hasEnded }) => hasEnded)
  await provider.cleanUpPod?.(refOf(pod), context)
}

/** What Podman runs when a container has ended is in its pod's group for another moment. */
async function removeWhenEmpty(group: string): Promise<void> {
  for (let tries = 0; tries < 20; tries += 1) {
    if (await removeGroup({ mountPoint: '/sys/fs/cgroup' }, group)) return
    await delay(100)
  }
}

/** The same containers: with the files, labels and limits that the provider gives its own. */
async function startRaw({ api }: EngineDaemon): Promise<Started> {
  const create = async (body: object): Promise<string> => {
    const path = `/containers/create?name=${randomUUID()}`
    const { Id } = await api.call<{ Id: string }>('POST', path, body)
    await api.call('POST', `/containers/${Id}/start`)
    return Id
  }
  const uid = randomUUID()
  const Labels = Object.fromEntries(
    Array.from({ length: 9 }, (_, index) => [`label.${index}`, uid]),
  )
  const group = `/virtual-kubelet/pod${uid}`
  const parent = { CgroupParent: group }
  const sandbox = await create({
    Image: testImage,
    Entrypoint: command,
    Labels,
    HostConfig: { ...parent, IpcMode: 'shareable', ReadonlyRootfs: true, CapDrop: ['ALL'] },
  })
  const joined = `container:${sandbox}`
  const Mounts = files.map(([Source, Target]) => ({ Type: 'bind', Source, Target }))
  const container = {
    ...parent,
    NetworkMode: joined,
    IpcMode: joined,
    CpuShares: 2,
    OomScoreAdj: 1000,
  }
  const ids = [sandbox]
  for (const _ of [1, 2]) {
    const id = await create({
      Image: testImage,
      Entrypoint: command,
      Labels,
      HostConfig: { ...container, Mounts },
    })
    ids.unshift(id)
  }
  return { ids, group }
}

const folder = mkdtempSync(join(tmpdir(), 'vk-bench-files-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const files = ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/dev/termination-log'].map(
  (target, index) => {
    const source = join(folder, String(index))
    writeFileSync(source, '')
    return [source, target] as const
  },
)

async function startByCommand(daemon: EngineDaemon): Promise<Started> {
  const client = daemon.commandLine()
  const create = async (...args: readonly string[]): Promise<string> => {
    // Containers of the API have no grace when they are removed; these would have ten seconds each.
    const options = ['--detach', '--stop-timeout=0', ...args]
    const all = [...client.args, 'run', ...options, testImage, ...command]
    const { stdout } = await run(client.program, all, { env: client.env })
    return stdout.trim()
  }
  const sandbox = await create('--ipc=shareable')
  const joined = `container:${sandbox}`
  const first = await create(`--network=${joined}`, `--ipc=${joined}`)
  return { ids: [await create(`--network=${joined}`, `--ipc=${joined}`), first, sandbox] }
}

export async function execIn(fixture: ProviderFixture, pod: Pod): Promise<void> {
  const streams = { stdin: false, stdout: true, stderr: true, tty: false }
  const options = { command: ['true'], ...streams }
  const { provider, context } = fixture
  const started = await provider.exec?.(refOf(pod), 'c0', options, context)
  started?.stdout?.resume()
  started?.stderr?.resume()
  await started?.exited
}

export async function execRaw({ api, socket }: EngineDaemon, pod: Pod): Promise<void> {
  const container = await containerOf(api, pod)
  const body = { AttachStdout: true, AttachStderr: true, Cmd: ['true'] }
  const { Id } = await api.call<{ Id: string }>('POST', `/containers/${container}/exec`, body)
  const start = JSON.stringify({ Detach: false, Tty: false })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const headers = {
    'content-type': 'application/json',
    'content-length': start.length,
    connection: 'Upgrade',
    upgrade: 'tcp',
  }
  const path = `/v1.41/exec/${Id}/start`
  const sent = request({ socketPath: socket, method: 'POST', path, headers })
  sent.on('upgrade', (_answer, connection) => connection.resume().on('end', resolve))
  sent.on('error', reject)
  sent.end(start)
  await promise
  await api.call('GET', `/exec/${Id}/json`)
}

const found = new Map<string, string>()

async function containerOf(api: EngineDaemon['api'], pod: Pod): Promise<string> {
  const { name } = pod.metadata
  const known = found.get(name) ?? (await api.find(name, 'c0'))?.Id ?? ''
  found.set(name, known)
  return known
}
