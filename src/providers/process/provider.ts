// SPDX-License-Identifier: Apache-2.0
// The process provider: pods whose containers are processes of this host.
import { isAbsolute, join } from 'node:path'
import type { Container, Pod } from '../../kube/types.gen.ts'
import type {
  PodProblem,
  PodProvider,
  ProviderHost,
  ProviderModule,
} from '../../provider/provider.ts'
import { unsupportedFields } from '../../provider/feature-check.ts'
import type { Features } from '../../provider/features.ts'
import { createRuntimeProvider } from '../../runtime/runtime-provider.ts'
import { coreFeatures } from '../../runtime/core-features.ts'
import { volumeProblems } from '../../runtime/volumes/volume-check.ts'
import { UserError, VkError, messageOf } from '../../util/vk-error.ts'
import { parseProcessConfig, type ProcessConfig } from './process-config.ts'
import { openCgroups } from './detect-cgroups.ts'
import { groupNotesDir, sweepForsakenGroups } from './forsaken-groups.ts'
import { findHostTools } from './host-tools.ts'
import type { HostTools } from './host-tools.ts'
import { hostTree } from './isolation/file-tree.ts'
import { mountProblems } from './isolation/mount-problems.ts'
import { networkProblems } from './isolation/network-problems.ts'
import { findTrustedFiles } from './isolation/trusted-files.ts'
import { canIsolate } from './isolation/bubblewrap.ts'
import { configuredFeatures, featuresForeseen, mountedFilesInSandbox } from './process-features.ts'
import { ProcessRuntime } from './process-runtime.ts'
import { programProblems } from './program-problems.ts'
import { isRootReference } from './root-image.ts'
import { resolveStart, type ResolvePlaces } from './start-plan.ts'
import { exploreSurroundings, ownUser } from './surroundings.ts'
import type { Surroundings } from './surroundings.ts'

/** Loaded by name when a node's provider is `process`. */
export const providerModule: ProviderModule = {
  name: 'process',
  summary: 'Containers are processes of this host; images name its programs, nothing is pulled',
  featuresOf(config: unknown): Features {
    const parsed = parseProcessConfig(config)
    const { isolation } = parsed
    const features = coreFeatures(
      configuredFeatures(parsed),
      isolation === 'none' ? 'variable' : 'mount',
    )
    return isolation === 'auto' ? { ...features, ...mountedFilesInSandbox } : features
  },
  documented: [
    { title: 'process with bubblewrap', config: { isolation: 'bubblewrap' } },
    { title: 'process without', config: { isolation: 'none' } },
  ],
  async problemsOf(pod: Pod, config: unknown): Promise<readonly PodProblem[]> {
    const parsed = parseProcessConfig(config)
    const { hostPathPrefixes } = parsed
    const isolates = isolatesHere(parsed)
    const places = {
      config: parsed,
      protectedDir: undefined,
      own: ownUser(),
      canIsolate: isolates,
    }
    const delivery = isolates ? 'mount' : 'variable'
    const known = {
      own: places.own,
      tools: toolsHere(),
      canIsolate: isolates,
      hasCgroups: mayLimit(parsed),
    }
    const here = coreFeatures(featuresForeseen(parsed, known), delivery)
    const problems: PodProblem[] = [
      ...unsupportedFields(pod, here),
      ...volumeProblems(pod, { delivery, hostPathPrefixes }),
      ...networkProblems(pod, parsed.network),
    ]
    const { initContainers = [], containers } = pod.spec
    for (const [list, specs] of Object.entries({ initContainers, containers })) {
      for (const [index, spec] of specs.entries()) {
        problems.push(...(await startProblems({ pod, spec, at: `spec.${list}[${index}]` }, places)))
      }
    }
    return problems
  },
  async create(config: unknown, host: ProviderHost): Promise<PodProvider> {
    const given = parseProcessConfig(config)
    const seccompDefault = given.seccompDefault || host.seccompDefault === true
    const parsed = { ...given, seccompDefault }
    checkSystem(host)
    const surroundings = exploreSurroundings(parsed, host.rootDir)
    if (given.seccompDefault && !surroundings.filters) throw cannotFilter()
    describeSurroundings(surroundings, host)
    if (surroundings.cgroups) await sweepGroups(parsed, host)
    const runtime = await ProcessRuntime.open(host, { config: parsed, surroundings })
    return createRuntimeProvider(runtime, host)
  },
}

/** What would keep a container from being started. */
async function startProblems(
  container: { readonly pod: Pod; readonly spec: Container; readonly at: string },
  places: ResolvePlaces,
): Promise<readonly PodProblem[]> {
  const { config, own, canIsolate: isolates } = places
  try {
    const { image, user } = await resolveStart(container, places)
    const programs = await programProblems(container, { image, user })
    if (!isolates) return programs
    const mounts = mountProblems(container, {
      tree: hostTree,
      isRoot: own.uid === 0,
      trusted: trustedHere(),
      visible: [...config.imagePath, ...config.visibleHostPaths],
      image: image.kind !== 'root' ? 'host' : image.digest ? 'unknown' : { dir: image.path },
    })
    return [...mounts, ...programs]
  } catch (error) {
    if (!(error instanceof VkError)) throw error
    const { image = '' } = container.spec
    const isPlace = isAbsolute(image) || config.imagePath.length > 0
    const isImage = error.podReason === 'CreateContainerConfigError'
    // A file may still come to lie where one is looked for; an image that lies nowhere never comes.
    const mayPass = isRootReference(image) || (error.code === 'NotFound' && (isPlace || !isImage))
    return [{ field: container.at, why: error.message, ...(mayPass && { mayPass }) }]
  }
}

// Finding out runs programs; a machine does not change while a manifest is explained.
const answers = new Map<ProcessConfig['isolation'], boolean>()
let tools: HostTools | undefined
let trustedFiles: readonly string[] | undefined

function toolsHere(): HostTools {
  tools ??= findHostTools()
  return tools
}

function trustedHere(): readonly string[] {
  trustedFiles ??= findTrustedFiles(toolsHere())
  return trustedFiles
}

function isolatesHere(config: ProcessConfig): boolean {
  const known = answers.get(config.isolation) ?? canIsolate(config, toolsHere())
  answers.set(config.isolation, known)
  return known
}

/** Would a node of this user have control groups? Nothing is made. */
function mayLimit({ cgroupRoot }: ProcessConfig): boolean {
  return cgroupRoot !== false && openCgroups(join(cgroupRoot, 'foreseen')) !== undefined
}

function cannotFilter(): UserError {
  return new UserError(
    `Cannot use the process provider's configuration: "seccompDefault" is true, and nothing filters system calls without sandboxes`,
    { hint: 'Install bubblewrap and leave isolation at auto, or leave seccompDefault out.' },
  )
}

function checkSystem({ os }: ProviderHost): void {
  if (os !== 'windows' || process.platform === 'win32') return
  throw new UserError(
    `Cannot run processes of os "windows" on this machine: its own is ${process.platform}`,
    { hint: 'Leave --os out, or choose another provider.' },
  )
}

/** What others have left is no reason not to start. */
async function sweepGroups(
  { cgroupRoot }: ProcessConfig,
  { rootDir, log }: ProviderHost,
): Promise<void> {
  const notesDir = groupNotesDir()
  if (cgroupRoot === false || notesDir === undefined) return
  try {
    await sweepForsakenGroups({ cgroupRoot, rootDir }, { notesDir, open: openCgroups })
  } catch (error) {
    log.debug({ error: messageOf(error) }, 'Cannot look for control groups of nodes that are gone')
  }
}

function describeSurroundings(surroundings: Surroundings, { log }: ProviderHost): void {
  const { cgroups, canHide, canIsolate, own, strayDescriptors, tools } = surroundings
  log.info(
    {
      user: own.uid,
      limits: cgroups?.can ?? 'none: no writable control groups',
      isolation: canIsolate ? 'bubblewrap' : 'none',
      hidesRootDir: canHide,
      switchesUsers: own.uid === 0,
    },
    'Processes run on this host',
  )
  if (strayDescriptors.length > 0 && tools.bash === undefined) {
    log.warn(
      { descriptors: strayDescriptors },
      'virtual-kubelet was started with open descriptors, which containers inherit',
    )
  }
}
