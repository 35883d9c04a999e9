// SPDX-License-Identifier: Apache-2.0
// `virtual-kubelet run MANIFEST…`: pods from manifests to the end, on a cluster of its own that lives as
// long as the command, or on one that is there.
import { writeFile } from 'node:fs/promises'
import { constants, hostname } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { ClusterConnection } from '../kube/cluster-connection.ts'
import { loadConnection } from '../kube/kubeconfig.ts'
import { createPinoLogger } from '../observe/pino-logger.ts'
import type { LogLevel } from '../observe/pino-logger.ts'
import { systemClock } from '../util/clock.ts'
import type { Clock } from '../util/clock.ts'
import type { Logger } from '../util/logger.ts'
import { UserError, VkError, messageOf } from '../util/vk-error.ts'
import { readClientAuthority } from './client-authority.ts'
import { clusterIdOf, waitForApiServer } from './cluster.ts'
import { ClusterAccess } from './cluster-access.ts'
import { readYamlFile } from './config-file.ts'
import { escalatingStop } from './escalating-stop.ts'
import type { EscalatingStop } from './escalating-stop.ts'
import { LocalNodes } from './local-nodes.ts'
import { nodeNames } from './node-names.ts'
import { checkProviderName, loadProviderModule } from './provider-modules.ts'
import { onReaderGone } from './reader-gone.ts'
import { endLeftoverRuns, recordRun } from './run/leftover-runs.ts'
import { readManifests } from './run/read-manifests.ts'
import type { Manifest } from './run/read-manifests.ts'
import { PlainDisplay } from './run/run-display.ts'
import type { RunDisplay } from './run/run-display.ts'
import { failureLines, reportDocument, summaryTable } from './run/run-report.ts'
import { requirePods, runManifests } from './run/run-session.ts'
import type { RunResult } from './run/run-session.ts'
import { makeTemporaryDir } from './temporary-dir.ts'

/** Flags of `run`. */
export interface RunFlags {
  readonly provider?: string
  readonly providerConfig?: string
  readonly kubeconfig?: string
  readonly context?: string
  readonly namespace?: string
  readonly nodes: number
  readonly taint: boolean
  readonly keep: boolean
  readonly timeoutSeconds?: number
  readonly output: 'text' | 'json'
  readonly logLevel: LogLevel
}

/** What a shell reports of a program that wrote to nobody. */
const brokenPipeCode = 128 + constants.signals.SIGPIPE

interface Place {
  readonly access: ClusterAccess
  readonly namespace: string
}

interface Context {
  readonly flags: RunFlags
  readonly clock: Clock
  readonly log: Logger
  readonly display: RunDisplay
  readonly resources: AsyncDisposableStack
  readonly stop: AbortSignal
}

/** Runs the manifests and resolves with the exit code: 0 only when all succeeded. */
export async function run(paths: readonly string[], flags: RunFlags): Promise<number> {
  if (flags.keep && flags.kubeconfig === undefined) {
    throw new UserError(
      'Cannot use --keep without --kubeconfig: the cluster of a run ends with it',
      {
        hint: '`virtual-kubelet up` makes one that stays.',
      },
    )
  }
  if (flags.provider !== undefined) checkProviderName(flags.provider)
  const manifests = await readManifests(paths, { readStdin: () => text(process.stdin) })
  requirePods(manifests)
  await checkProvider(manifests, flags)
  using stop = escalatingStop()
  using _reader = onReaderGone(() => stop.stop(brokenPipeCode))
  const result = await execute(manifests, { flags, stop })
  if (result === undefined) return stop.exitCode
  report(result, flags)
  if (result.outcome === 'stopped') return stop.exitCode
  return result.outcome === 'succeeded' ? 0 : 1
}

/** On nodes of our own that run everything, what the provider never runs is refused at once. */
async function checkProvider(manifests: readonly Manifest[], flags: RunFlags): Promise<void> {
  const { provider: name, providerConfig, kubeconfig } = flags
  if (kubeconfig !== undefined && name === undefined) return
  const provider = await loadProviderModule(name ?? 'process')
  if (kubeconfig !== undefined) return
  const config = providerConfig === undefined ? {} : (readYamlFile(providerConfig) ?? {})
  const { refuseHopeless, refuseOtherNodes } = await import('./run/refuse-hopeless.ts')
  refuseOtherNodes(manifests, nodeNames('node', flags.nodes))
  await refuseHopeless(manifests, { provider, config })
}

/** Resolves with undefined when it was stopped before anything could run. */
async function execute(
  manifests: readonly Manifest[],
  { flags, stop }: { readonly flags: RunFlags; readonly stop: EscalatingStop },
): Promise<RunResult | undefined> {
  const clock = systemClock
  const log = createPinoLogger({ level: flags.logLevel, format: 'text' })
  using display = await openDisplay(flags, clock)
  stop.onPress((line) => display.note(line))
  await using resources = new AsyncDisposableStack()
  const { keep, timeoutSeconds } = flags
  const timeout = timeoutSeconds === undefined ? {} : { timeoutMs: timeoutSeconds * 1000 }
  try {
    const context = { flags, clock, log, display, resources, stop: stop.first }
    const note = (line: string): void => display.note(line)
    await endLeftoverRuns({ clock, log, note, signal: stop.first })
    const place = await openPlace(context)
    const options = { ...context, ...place, ...timeout, hurry: stop.second, keep }
    return await runManifests(manifests, options)
  } catch (error) {
    if (!stop.first.aborted) throw error
    return undefined
  }
}

async function openDisplay({ output }: RunFlags, clock: Clock): Promise<RunDisplay> {
  const { stdout, stderr } = process
  if (output === 'json') return new PlainDisplay({ logs: stderr, notes: stderr })
  if (!stdout.isTTY) return new PlainDisplay({ logs: stdout, notes: stderr })
  const { LiveDisplay } = await import('./run/live-display.ts')
  return new LiveDisplay(stdout, { clock })
}

function report({ view, outcome }: RunResult, { output, timeoutSeconds }: RunFlags): void {
  if (output === 'json') {
    process.stdout.write(`${JSON.stringify(reportDocument(view, outcome), undefined, 2)}\n`)
    return
  }
  const table = summaryTable(view)
  process.stdout.write(table.map((line) => `${line}\n`).join(''))
  const failures =
    outcome === 'failed'
      ? failureLines(view)
      : outcome === 'timed-out'
        ? [`It was not over after ${timeoutSeconds} s (--timeout)`]
        : []
  process.stderr.write(failures.map((line) => `${line}\n`).join(''))
}

async function openPlace(context: Context): Promise<Place> {
  if (context.flags.kubeconfig !== undefined) return await openGivenCluster(context)
  const { flags, log, clock, resources, stop, display } = context
  const { LocalCluster } = await import('./local-cluster.ts')
  const dir = resources.use(await makeTemporaryDir())
  const cluster = await LocalCluster.start({
    dir: dir.path,
    provider: flags.provider ?? 'process',
    nodeNames: nodeNames('node', flags.nodes),
    settings: nodeSettings(flags),
    clock,
    log,
    signal: stop,
  })
  resources.use(cluster)
  await noteRun(dir.path, { ...context, nodes: cluster.nodeNames, connection: cluster.connection })
  const access = resources.use(new ClusterAccess(cluster.connection, { log }))
  display.note(`The cluster is up: ${cluster.nodeNames.join(', ')} Ready`)
  return { access, namespace: flags.namespace ?? 'default' }
}

async function noteRun(
  dir: string,
  {
    flags,
    nodes,
    connection,
  }: {
    readonly flags: RunFlags
    readonly nodes: readonly string[]
    readonly connection: ClusterConnection
  },
): Promise<void> {
  const { provider = 'process', providerConfig: providerConfigFile } = flags
  const clusterId = clusterIdOf({ server: connection.server, ca: connection.tls.caPem })
  await recordRun(dir, { provider, providerConfigFile, nodes, clusterId })
}

function nodeSettings({ taint, providerConfig }: RunFlags): Readonly<Record<string, unknown>> {
  return {
    disableTaint: !taint,
    ...(providerConfig !== undefined && { providerConfigFile: providerConfig }),
  }
}

/** A cluster that is there; with --provider it gets a node more for as long as the run lasts. */
async function openGivenCluster(context: Context): Promise<Place> {
  const { flags, log, clock, resources, stop, display } = context
  const { kubeconfig, context: name } = flags
  const connection = await loadConnection({
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(name !== undefined && { context: name }),
    env: process.env,
    log,
  })
  const access = resources.use(new ClusterAccess(connection, { log }))
  const note = (line: string): void => display.note(line)
  using limit = waitLimit(context)
  const signal = AbortSignal.any([stop, limit.signal])
  await waitForApiServer(access.client, { clock, log, note, signal })
  if (flags.provider !== undefined) await joinCluster(flags.provider, { ...context, access })
  return { access, namespace: flags.namespace ?? connection.namespace }
}

/** Of a run that may not last: its time counts from before it has found the cluster. */
function waitLimit({ flags: { timeoutSeconds: seconds }, clock }: Context): Disposable & {
  readonly signal: AbortSignal
} {
  const controller = new AbortController()
  const giveUp = (): void =>
    controller.abort(
      new VkError('Timeout', `Cannot reach the API server within ${seconds} s (--timeout)`),
    )
  const timer = seconds === undefined ? undefined : clock.setTimer(seconds * 1000, giveUp)
  return { signal: controller.signal, [Symbol.dispose]: () => timer?.[Symbol.dispose]() }
}

async function joinCluster(
  provider: string,
  context: Context & { readonly access: ClusterAccess },
): Promise<void> {
  const { access, flags, clock, log, resources, stop, display } = context
  const dir = resources.use(await makeTemporaryDir())
  const ca = await clientCa(access, { dir: dir.path, display })
  const nodes = await LocalNodes.start({
    names: nodeNames(`${hostname().toLowerCase()}-run-${process.pid}`, flags.nodes),
    connectionFor: () => Promise.resolve(access.connection),
    provider,
    rootDir: join(dir.path, 'nodes'),
    deletesNodes: true,
    forgetsPods: true,
    settingsFor: () => Promise.resolve({ ...nodeSettings(flags), ...ca }),
    clock,
    log,
    signal: stop,
  })
  resources.use(nodes)
  await noteRun(dir.path, { ...context, nodes: nodes.names, connection: access.connection })
  display.note(nodes.names.map((name) => `node/${name} ready`).join('\n'))
}

/** The authority of the API server's own client certificate: without it the node refuses to show logs. */
async function clientCa(
  { client }: ClusterAccess,
  { dir, display }: { readonly dir: string; readonly display: RunDisplay },
): Promise<{ readonly clientCAFile?: string }> {
  try {
    const pem = await readClientAuthority(client)
    if (pem === undefined) return {}
    const clientCAFile = join(dir, 'client-ca.crt')
    await writeFile(clientCAFile, pem)
    return { clientCAFile }
  } catch (error) {
    display.note(`The node will not show logs: ${messageOf(error)}`)
    return {}
  }
}
