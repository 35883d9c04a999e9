// SPDX-License-Identifier: Apache-2.0
//
// What the docker provider costs over the bare engine, in one run and in turns: pods of two containers, from
// handed over until both run, beside the same containers (a sandbox and two that join it) started by requests to
// the engine's API and by its command line; and the round trip of a command in a container. Look at the
// ratios; the figures are this machine's.
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import type { Pod } from '../../src/kube/types.gen.ts'
import { ProviderFixture, isRunning, refOf } from '../../src/testing/provider-fixture.ts'
import { providerModule } from '../../src/providers/docker/provider.ts'
import { EngineDaemon, engineObstacle, type EngineKind } from '../../test/docker/engine-daemon.ts'
import { busyboxArchive, testImage } from '../../test/docker/test-image.ts'
import { percentile } from '../measure.ts'

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'podman' },
    pods: { type: 'string', default: '100' },
    concurrency: { type: 'string', default: '8' },
    /** Pods of each contender before it is the next one's turn. */
    slice: { type: 'string', default: '20' },
    execs: { type: 'string', default: '100' },
  },
})
const [pods, concurrency, slice, execs] = [
  values.pods,
  values.concurrency,
  values.slice,
  values.execs,
].map(Number) as [number, number, number, number]
const command = ['sleep', '86400']
const run = promisify(execFile)

type Start = () => Promise<void>

async function main(): Promise<number> {
  const kind = values.engine as EngineKind
  const obstacle = engineObstacle(kind)
  if (obstacle !== undefined) {
    console.error(`Cannot measure on ${kind}: ${obstacle}`)
    return 1
  }
  await using daemon = await EngineDaemon.open(kind)
  await daemon.api.load(busyboxArchive().bytes)
  const fixture = await ProviderFixture.open({
    name: kind,
    open: (host) => providerModule.create({ host: daemon.host }, host),
    workloads: { running: () => ({ container: {} }), exiting: () => ({ container: {} }) },
    timeoutMs: 120_000,
  })
  const contenders: Readonly<Record<string, Start>> = {
    'raw API': () => startRaw(daemon),
    provider: () => startPod(fixture),
    'command line': () => startByCommand(daemon),
  }
  const timings = await inTurns(contenders)
  report(`${pods} pods of two containers, ${concurrency} at a time, on ${kind}`, timings)
  const pod = await startedPod(fixture)
  const round = {
    'raw API': (): Promise<void> => execRaw(daemon, pod),
    provider: (): Promise<void> => execIn(fixture, pod),
  }
  report(`${execs} commands, one after the other, on ${kind}`, await alternate(round))
  // The pods go with the engine.
  await fixture.provider[Symbol.asyncDispose]()
  rmSync(fixture.host.rootDir, { recursive: true })
  return 0
}

/** Slices of each contender in turn, so that whatever else the machine does meets all of them. */
async function inTurns(
  contenders: Readonly<Record<string, Start>>,
): Promise<Map<string, number[]>> {
  const timings = new Map(Object.keys(contenders).map((name) => [name, [] as number[]]))
  for (let done = 0; done < pods; done += slice) {
    for (const [name, start] of Object.entries(contenders)) {
      let left = Math.min(slice, pods - done)
      const worker = async (): Promise<void> => {
        while (left > 0) {
          left -= 1
          timings.get(name)?.push(await timeOf(start))
        }
      }
      await Promise.all(Array.from({ length: concurrency }, worker))
    }
  }
  return timings
}

async function alternate(round: Readonly<Record<string, Start>>): Promise<Map<string, number[]>> {
  const timings = new Map(Object.keys(round).map((name) => [name, [] as number[]]))
  for (let done = 0; done < execs; done += 1) {
    for (const [name, once] of Object.entries(round)) timings.get(name)?.push(await timeOf(once))
  }
  return timings
}

async function timeOf(work: Start): Promise<number> {
  const beginMs = performance.now()
  await work()
  return performance.now() - beginMs
}

function report(title: string, timings: ReadonlyMap<string, number[]>): void {
  console.log(title)
  const p50 = (list: readonly number[]): number =>
    percentile(
      [...list].sort((a, b) => a - b),
      0.5,
    )
  const raw = p50(timings.get('raw API') ?? [])
  for (const [name, list] of timings) {
    const sorted = list.toSorted((a, b) => a - b)
    const ratio = (p50(list) / raw).toFixed(2)
    const figures = `p50 ${p50(list).toFixed(1)} ms (${ratio}), p90 ${percentile(sorted, 0.9).toFixed(1)} ms`
    console.log(`  ${name.padEnd(14)} ${figures}`)
  }
}

async function startPod(fixture: ProviderFixture): Promise<void> {
  await startedPod(fixture)
}

/** Told by the provider, as the core is; nothing polls. */
async function startedPod(fixture: ProviderFixture): Promise<Pod> {
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

/** The same containers: with the files, labels and limits that the provider gives its own. */
async function startRaw({ api }: EngineDaemon): Promise<void> {
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
  const parent = { CgroupParent: `/virtual-kubelet/pod${uid}` }
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
  for (const _ of [1, 2]) {
    await create({
      Image: testImage,
      Entrypoint: command,
      Labels,
      HostConfig: { ...container, Mounts },
    })
  }
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

async function startByCommand(daemon: EngineDaemon): Promise<void> {
  const client = daemon.commandLine()
  const create = async (...args: readonly string[]): Promise<string> => {
    const all = [...client.args, 'run', '--detach', ...args, testImage, ...command]
    const { stdout } = await run(client.program, all, { env: client.env })
    return stdout.trim()
  }
  const sandbox = await create('--ipc=shareable')
  const joined = `container:${sandbox}`
  for (const _ of [1, 2]) await create(`--network=${joined}`, `--ipc=${joined}`)
}

async function execIn(fixture: ProviderFixture, pod: Pod): Promise<void> {
  const streams = { stdin: false, stdout: true, stderr: true, tty: false }
  const options = { command: ['true'], ...streams }
  const { provider, context } = fixture
  const started = await provider.exec?.(refOf(pod), 'c0', options, context)
  started?.stdout?.resume()
  started?.stderr?.resume()
  await started?.exited
}

async function execRaw({ api, socket }: EngineDaemon, pod: Pod): Promise<void> {
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

process.exitCode = await main()
