// SPDX-License-Identifier: Apache-2.0
//
// Runs the tests of the docker provider on Podman and on Docker's daemon, each started by the tests on a
// socket and storage of its own (install-engines.sh installs them), then, on each, the scenarios of test/e2e
// that are about pods. --engine=podman|docker chooses one; --control-plane=real runs the scenarios only, on
// kube-apiserver and etcd, the engine with them in a network of its own; other arguments are files and flags for
// node. An engine that is missing is a failure here, never a skipped test.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import {
  CONFIG_VARIABLE,
  ENGINE_VARIABLE,
  IMAGE_VARIABLE,
  scenarioHostPaths,
} from '../e2e/scenario-provider.ts'
import { isInNamespace } from '../e2e/requirements.ts'
import { runInNamespace } from '../e2e/run-in-namespace.ts'
import { reporterFlags } from '../../tools/failure-reporter.ts'
import { EngineDaemon, engineObstacle, type EngineKind } from './engine-daemon.ts'
import { busyboxArchive, testImage } from './test-image.ts'
import { ENGINES_VARIABLE } from './use-engine.ts'

const realPlane = '--control-plane=real'
const kinds: readonly EngineKind[] = ['podman', 'docker']
const here = import.meta.dirname
const scenarioFolder = join(here, '../e2e')
const fileOf = (name: string): string => `${name}.test.ts`
/** Scenarios of pods and what is done to them; those of the API, of controllers and of nodes are the same everywhere. */
const scenarioFiles = [
  ...globSync('lifecycle-*.test.ts', { cwd: scenarioFolder }).sort(),
  ...['restarts', 'crash', 'deletion', 'environment', 'exec', 'port-forward'].map(fileOf),
  ...['in-pod-client', 'shutdown', 'node-shutdown'].map(fileOf),
].map((name) => join(scenarioFolder, name))

type Plane = 'real' | 'embedded'

async function main(args: readonly string[]): Promise<number> {
  const plane: Plane = args.includes(realPlane) ? 'real' : 'embedded'
  if (plane === 'real' && !isInNamespace()) {
    // Nodes, pods and clients are reached from inside only.
    return await runInNamespace([process.execPath, ...process.argv.slice(1)])
  }
  return await runAll(
    plane,
    args.filter((arg) => !arg.startsWith('--control-plane=')),
  )
}

async function runAll(plane: Plane, args: readonly string[]): Promise<number> {
  const chosen = args.find((arg) => arg.startsWith('--engine='))?.slice('--engine='.length)
  const engines = kinds.filter((kind) => chosen === undefined || chosen === kind)
  if (engines.length === 0) {
    console.error(`Cannot use --engine=${chosen}: it is podman or docker`)
    return 2
  }
  for (const kind of engines) {
    const obstacle = engineObstacle(kind)
    if (obstacle === undefined) continue
    console.error(`Cannot test on ${kind}: ${obstacle}`)
    return 1
  }
  process.env[ENGINES_VARIABLE] = engines.join(',')
  const rest = args.filter((arg) => !arg.startsWith('--engine='))
  const files = rest.filter((arg) => !arg.startsWith('-'))
  const flags = rest.filter((arg) => arg.startsWith('-'))
  const all = plane === 'real' ? [] : globSync(join(here, '*.test.ts')).sort()
  const own = files.length > 0 ? files.filter(isOwn) : all
  const scenarios = files.length > 0 ? files.filter((file) => !isOwn(file)) : scenarioFiles
  const tests = [
    '--test',
    '--test-concurrency=2',
    '--test-timeout=600000',
    ...reporterFlags('spec'),
    ...flags,
    ...own,
  ]
  const ownStatus = own.length > 0 ? await node(tests) : 0
  if (scenarios.length === 0) return ownStatus
  // They wait for most of their time: both engines at once, each told of in one piece.
  const output = engines.length > 1 ? 'at the end' : 'as it comes'
  const statuses = await Promise.all(
    engines.map((kind) => runScenarios(kind, { plane, flags, scenarios, output })),
  )
  return [ownStatus, ...statuses].find((status) => status !== 0) ?? 0
}

type Output = 'as it comes' | 'at the end'

/** The scenarios of test/e2e, their pods on an engine of their own. */
async function runScenarios(
  kind: EngineKind,
  {
    plane,
    flags,
    scenarios,
    output,
  }: {
    readonly plane: Plane
    readonly flags: readonly string[]
    readonly scenarios: readonly string[]
    readonly output: Output
  },
): Promise<number> {
  await using daemon = await EngineDaemon.open(kind)
  await daemon.api.load(busyboxArchive().bytes)
  const config = join(daemon.folder, 'provider.yaml')
  // Apart from the engine's own, which no container may have mounted.
  const folder = mkdtempSync(join(tmpdir(), 'vk-sc-'))
  chmodSync(folder, 0o1777)
  const settings = {
    host: daemon.host,
    hostPathPrefixes: scenarioHostPaths(folder),
    allowHostNamespaces: true,
  }
  writeFileSync(config, JSON.stringify(settings))
  const environment = {
    TMPDIR: folder,
    [ENGINE_VARIABLE]: kind,
    [IMAGE_VARIABLE]: testImage,
    [CONFIG_VARIABLE]: config,
  }
  const title = `Scenarios on ${kind}:`
  const concurrency = plane === 'real' ? 1 : 2
  const options = [`--control-plane=${plane}`, `--test-concurrency=${concurrency}`]
  const run = [join(here, '../e2e/run.ts'), ...options]
  const status = await node([...run, ...flags, ...scenarios], { environment, title, output })
  // Else the logs of what failed are in it.
  if (status === 0) rmSync(folder, { recursive: true, force: true })
  return status
}

function isOwn(file: string): boolean {
  return resolve(file).startsWith(here)
}

async function node(
  args: readonly string[],
  {
    environment = {},
    title,
    output = 'as it comes',
  }: {
    readonly environment?: object
    readonly title?: string
    readonly output?: Output
  } = {},
): Promise<number> {
  const env = { ...process.env, ...environment }
  const isPassed = output === 'as it comes'
  if (isPassed && title !== undefined) console.log(title)
  const stdio = isPassed ? 'inherit' : 'pipe'
  const child = spawn(process.execPath, args, { stdio: ['inherit', stdio, stdio], env })
  const pieces: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (piece: Buffer) => pieces.push(piece))
  }
  // Whoever ends us ends the tests; their engines go with us.
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal)
  process.on('SIGTERM', pass).on('SIGINT', pass)
  const [code] = (await once(child, 'close')) as [number | null]
  process.off('SIGTERM', pass).off('SIGINT', pass)
  if (!isPassed) process.stdout.write(`${title}\n${Buffer.concat(pieces).toString()}`)
  return code ?? 1
}

process.exitCode = await main(process.argv.slice(2))
