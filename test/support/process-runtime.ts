// SPDX-License-Identifier: Apache-2.0
// A process runtime in a temporary directory, and starts for it in one line. What still runs is killed
// when it is disposed of.
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Container, Pod, PodSecurityContext } from '../../src/kube/types.gen.ts'
import type { CallContext, ProviderHost } from '../../src/provider/provider.ts'
import { detectCgroups } from '../../src/providers/process/detect-cgroups.ts'
import { nodeFolder } from '../../src/providers/process/forsaken-groups.ts'
import { parseProcessConfig } from '../../src/providers/process/process-config.ts'
import type { ProcessConfig } from '../../src/providers/process/process-config.ts'
import { ProcessRuntime } from '../../src/providers/process/process-runtime.ts'
import { findStrayDescriptors } from '../../src/providers/process/stray-descriptors.ts'
import { exploreSurroundings } from '../../src/providers/process/surroundings.ts'
import type { Surroundings } from '../../src/providers/process/surroundings.ts'
import type { ContainerKey, ContainerStart } from '../../src/runtime/container-runtime.ts'
import { systemClock, type Clock } from '../../src/util/clock.ts'
import { silentLogger } from '../../src/util/logger.ts'

export const isRoot: boolean = process.getuid?.() === 0

/** Uid that containers of `processWorld` run as by default. */
export const containerUid: number = isRoot ? 65_534 : (process.getuid?.() ?? 0)

export interface ProcessWorld extends AsyncDisposable {
  readonly dir: string
  readonly runtime: ProcessRuntime
  readonly surroundings: Surroundings
  readonly context: CallContext
  start(what: Partial<StartInWords> & { readonly command: readonly string[] }): ContainerStart
  output(start: ContainerStart, stream?: 'stdout' | 'stderr'): Promise<string>
  /** A second runtime on the same directory, as after a restart. */
  reopen(): Promise<ProcessRuntime>
}

export interface StartInWords {
  readonly uid: string
  readonly name: string
  readonly attempt: number
  readonly image: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly spec: Partial<Container>
  readonly security: PodSecurityContext
}

/** Opens a runtime on a new directory, or on `dir`, which is then kept. */
export async function processWorld(
  config: Readonly<Record<string, unknown>> = {},
  options: {
    readonly dir?: string
    readonly surroundings?: Surroundings
    readonly clock?: Clock
  } = {},
): Promise<ProcessWorld> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'vk-process-')))
  const host = hostIn(dir, options.clock)
  const parsed = parseProcessConfig({
    isolation: process.env['VK_TEST_ISOLATION'] ?? 'none',
    ...config,
  })
  // Who is to be killed in a directory leaves nothing outside of it.
  const explore = options.dir === undefined ? surroundingsOf : exploreSurroundings
  const surroundings = options.surroundings ?? explore(parsed, dir)
  const open = (): Promise<ProcessRuntime> =>
    ProcessRuntime.open(host, { config: parsed, surroundings })
  const runtime = await open()
  const others: ProcessRuntime[] = []
  const context = { signal: AbortSignal.timeout(600_000), log: silentLogger }
  return {
    dir,
    runtime,
    surroundings,
    context,
    start: (what) => startOf(dir, what),
    output: (start, stream = 'stdout') => readFile(join(start.attemptDir, `${stream}.log`), 'utf8'),
    async reopen() {
      const other = await open()
      others.push(other)
      return other
    },
    async [Symbol.asyncDispose]() {
      for (const each of [runtime, ...others]) {
        const containers = await each.listContainers()
        await Promise.all(containers.map(({ key }) => each.removeContainer(key)))
        await each[Symbol.asyncDispose]()
      }
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true })
    },
  }
}

const explored = new Map<string, Surroundings>()
let exploredDir: string | undefined

/** What the machine allows is tried out by nine programs, once for each configuration. */
function surroundingsOf(config: ProcessConfig, dir: string): Surroundings {
  const key = JSON.stringify(config)
  let found = explored.get(key)
  if (!found) {
    exploredDir ??= temporaryUntilExit()
    found = exploreSurroundings(config, exploredDir)
    found.cgroups?.release()
    explored.set(key, found)
  }
  const cgroups = detectCgroups(config.cgroupRoot, nodeFolder(dir))
  return { ...found, cgroups, strayDescriptors: findStrayDescriptors() }
}

function temporaryUntilExit(): string {
  const dir = mkdtempSync(join(tmpdir(), 'vk-explored-'))
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** Key of a container of a pod named after its uid. */
export function keyOf(uid: string, name = 'main', attempt = 0): ContainerKey {
  return { pod: { namespace: 'default', name: uid, uid }, name, attempt }
}

function hostIn(dir: string, clock: Clock = systemClock): ProviderHost {
  return {
    nodeName: 'test',
    clusterId: 'test',
    nodeIPs: ['127.0.0.1'],
    os: 'linux',
    rootDir: dir,
    protectedDir: dir,
    clock,
    log: silentLogger,
    recordEvent: () => {},
  }
}

function startOf(
  dir: string,
  what: Partial<StartInWords> & { readonly command: readonly string[] },
): ContainerStart {
  const { uid = 'pod-1', name = 'main', attempt = 0, image = 'host', args = [], env = {} } = what
  const spec: Container = { name, image, command: what.command, args, ...what.spec }
  const pod: Pod = {
    metadata: { namespace: 'default', name: uid, uid },
    spec: { containers: [spec], ...(what.security && { securityContext: what.security }) },
  }
  const containerDir = join(dir, 'pods', uid, 'containers', name)
  return {
    key: keyOf(uid, name, attempt),
    pod,
    spec,
    resolved: {
      name,
      command: spec.command ?? [],
      args: spec.args ?? [],
      env: Object.entries(env).map(([key, value]) => ({ name: key, value, isSecret: true })),
    },
    containerDir,
    attemptDir: join(containerDir, String(attempt)),
    volumeDirs: new Map(),
    mounts: [],
    hostname: uid,
  }
}
