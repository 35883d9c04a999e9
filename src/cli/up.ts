// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet up`: a cluster on this machine that stays until Ctrl-C or `down`. There is one in each
// data directory: who comes second is told where the first is.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createPinoLogger } from '../observe/pino-logger.ts'
import type { LogLevel } from '../observe/pino-logger.ts'
import { systemClock } from '../util/clock.ts'
import { lockDir, lockHolder } from '../util/dir-lock.ts'
import type { DirLock } from '../util/dir-lock.ts'
import { collectWhenQuiet } from '../util/quiet-collection.ts'
import { whenAborted } from '../util/until-aborted.ts'
import { UserError } from '../util/vk-error.ts'
import { dataDirOf, findRunning, lastPort, letPodsPass, writeRunning } from './data-dir.ts'
import type { DataDir } from './data-dir.ts'
import { escalatingStop } from './escalating-stop.ts'
import type { EscalatingStop } from './escalating-stop.ts'
import { completeNode } from './load-settings.ts'
import { LocalCluster } from './local-cluster.ts'
import { nodeNames } from './node-names.ts'
import { makeOwnFolder } from './own-folder.ts'
import { inOwnWords } from './own-words.ts'
import { digestOf, unmetWishes } from './running-cluster.ts'
import type { ClusterWish, RunningCluster } from './running-cluster.ts'
import { shellWord } from './shell-word.ts'

/** Flags of `up`. */
export interface UpFlags {
  readonly provider: string
  readonly providerConfig?: string
  readonly dataDir?: string
  readonly nodes: number
  readonly port: number
  readonly taint: boolean
  readonly detach: boolean
  readonly logLevel: LogLevel
}

/** Of the command line itself. */
export interface UpContext {
  readonly args: readonly string[]
  /** Was the flag given, or is its value the default? */
  readonly isGiven: (flag: keyof UpFlags) => boolean
}

const startTimeoutMs = 60_000
const pollMs = 50

/** Runs the cluster until it is stopped, or finds the one that runs; resolves with the exit code. */
export async function up(flags: UpFlags, context: UpContext): Promise<number> {
  // A mistake in them is said before there is anything of a cluster.
  completeNode({ name: 'node', provider: flags.provider, ...nodeSettings(flags) })
  const dir = dataDirOf(flags.dataDir, process.env)
  await makeOwnFolder(dir.path)
  const isHeld = (await lockHolder(dir.path)) !== undefined
  const lock = isHeld ? undefined : await tryLock(dir)
  if (lock === undefined) return await greetFirst(dir, { flags, context })
  if (flags.detach) {
    await lock[Symbol.asyncDispose]()
    return await detach(dir, { flags, context })
  }
  await using _lock = lock
  await letPodsPass(dir)
  using stop = escalatingStop({
    first: 'Stopping: the pods end with their grace; again does not wait for them',
    second: inOwnWords(
      'Stopped without waiting: the next `virtual-kubelet up` takes the pods over',
    ),
  })
  await runCluster(dir, { flags, stop })
  return 0
}

async function runCluster(
  dir: DataDir,
  { flags, stop }: { readonly flags: UpFlags; readonly stop: EscalatingStop },
): Promise<void> {
  const log = createPinoLogger({ level: flags.logLevel, format: 'text' })
  const { provider, providerConfig, taint } = flags
  const config = providerConfig === undefined ? undefined : await digestOf(providerConfig)
  using _quiet = collectWhenQuiet({ clock: systemClock })
  try {
    await using cluster = await LocalCluster.start({
      dir: dir.path,
      storageDir: dir.controlPlane,
      port: flags.port === 0 ? await usualPort(dir) : flags.port,
      provider,
      nodeNames: nodeNames('node', flags.nodes),
      settings: nodeSettings(flags),
      clock: systemClock,
      log,
      signal: stop.first,
    })
    const running = {
      pid: process.pid,
      server: cluster.server,
      provider,
      nodes: cluster.nodeNames,
      startedAt: new Date().toISOString(),
      taint,
      providerConfig: config,
    }
    await writeRunning(dir, running)
    announce(dir, running, 'is up')
    process.stderr.write(inOwnWords(`Ctrl-C, or ${downCommand(flags)}, ends it and its pods\n`))
    await whenAborted(stop.first)
    using _second = exitAtSecond(stop)
    await cluster[Symbol.asyncDispose]()
  } catch (error) {
    if (!stop.first.aborted) throw error
  }
}

function nodeSettings({ taint, providerConfig }: UpFlags): Readonly<Record<string, unknown>> {
  return {
    disableTaint: !taint,
    ...(providerConfig !== undefined && { providerConfigFile: providerConfig }),
  }
}

/** That of the last time, which pods that survived a crash still know; 0 where it is taken. */
async function usualPort(dir: DataDir): Promise<number> {
  const port = (await lastPort(dir)) ?? 0
  const probe = createServer()
  const { promise, resolve } = Promise.withResolvers<number>()
  probe.once('error', () => resolve(0))
  probe.listen({ host: '127.0.0.1', port }, () => probe.close(() => resolve(port)))
  return await promise
}

/** A second Ctrl-C does not wait for the pods; the next `up` finds them and takes them over. */
function exitAtSecond({ second, exitCode }: EscalatingStop): Disposable {
  const exit = (): void => process.exit(exitCode)
  second.addEventListener('abort', exit, { once: true })
  return { [Symbol.dispose]: () => second.removeEventListener('abort', exit) }
}

async function tryLock(dir: DataDir): Promise<DirLock | undefined> {
  try {
    return await lockDir(dir.path)
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    if ((await lockHolder(dir.path)) !== undefined) return undefined
    const hint = 'Choose another one with --data-dir.'
    throw new UserError(error.message, { hint, cause: error })
  }
}

interface Invocation {
  readonly flags: UpFlags
  readonly context: UpContext
}

async function greetFirst(dir: DataDir, { flags, context }: Invocation): Promise<number> {
  const running = await waitForRunning(dir, () => true)
  const unmet = unmetWishes(running, await wishOf(flags, context))
  if (unmet) {
    const what = `the cluster that runs already (process ${running.pid}) has ${unmet.has}`
    throw new UserError(`Cannot start one with ${unmet.wanted}: ${what}`, {
      hint: `${downCommand(flags)} ends it, its objects stay; or start another one beside it with --data-dir.`,
    })
  }
  announce(dir, running, `runs already (process ${running.pid})`)
  return 0
}

async function wishOf(flags: UpFlags, { isGiven }: UpContext): Promise<ClusterWish> {
  const { provider, nodes, port, taint, providerConfig } = flags
  return {
    ...(isGiven('provider') && { provider }),
    ...(isGiven('nodes') && { nodes }),
    ...(isGiven('port') && { port }),
    ...(isGiven('taint') && { taint }),
    ...(providerConfig !== undefined && { providerConfig: await digestOf(providerConfig) }),
  }
}

/** Starts the same command in the background and waits until it is up. */
async function detach(dir: DataDir, { flags, context }: Invocation): Promise<number> {
  const logFile = join(dir.path, 'up.log')
  const output = await open(logFile, 'w', 0o600)
  const [program = ''] = process.argv.slice(1)
  const words = [
    ...process.execArgv,
    program,
    ...context.args.filter((word) => word !== '--detach'),
  ]
  const child = spawn(process.execPath, words, {
    detached: true,
    stdio: ['ignore', output.fd, output.fd],
  })
  let hasExited = false
  child.once('exit', () => (hasExited = true))
  await once(child, 'spawn')
  await output.close()
  try {
    const running = await waitForRunning(dir, () => !hasExited)
    // Somebody else was faster.
    if (running.pid !== child.pid) return await greetFirst(dir, { flags, context })
    announce(dir, running, `is up in the background (process ${running.pid})`)
    process.stderr.write(inOwnWords(`${downCommand(flags)} ends it and its pods\n`))
    child.unref()
    return 0
  } catch (error) {
    const said = await readFile(logFile, 'utf8')
    process.stderr.write(said)
    if (said === '' || !child.exitCode) throw error
    return child.exitCode
  }
}

async function waitForRunning(dir: DataDir, mayCome: () => boolean): Promise<RunningCluster> {
  const deadlineMs = systemClock.monotonicMs() + startTimeoutMs
  while (mayCome() && systemClock.monotonicMs() < deadlineMs) {
    const running = await findRunning(dir)
    if (running) return running
    await systemClock.sleep(pollMs)
  }
  throw new UserError(`Cannot find the cluster in "${dir.path}": it did not come up`, {
    hint: 'Start it without --detach to see why, or with --log-level info.',
  })
}

/** Standard output holds nothing but the line for the shell, so that it can be evaluated. */
function announce(dir: DataDir, { server, nodes }: RunningCluster, what: string): void {
  process.stderr.write(`The cluster ${what}: ${server}, ${nodes.join(', ')} Ready\n`)
  process.stdout.write(`export KUBECONFIG=${shellWord(dir.kubeconfig)}\n`)
}

/** What ends just this cluster, to be copied. */
function downCommand({ dataDir }: UpFlags): string {
  const where = dataDir === undefined ? '' : ` --data-dir ${shellWord(dataDir)}`
  return `\`virtual-kubelet down${where}\``
}
