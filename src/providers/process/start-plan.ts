// SPDX-License-Identifier: Apache-2.0
// From a pod's words to a launch: image, user, program, environment, limits. All that can be wrong with
// a container is found here, before anything is written or run.
import { mkdir, open, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Container, Pod } from '../../kube/types.gen.ts'
import type { ProviderHost } from '../../provider/provider.ts'
import type { ContainerStart } from '../../runtime/container-runtime.ts'
import { checkTracing, containerCapabilities } from './isolation/capability-set.ts'
import { checkAddedCapabilities, droppedCapabilities } from './capabilities.ts'
import type { CgroupLimits } from './cgroup.ts'
import { containerLimits, podGroupOf, type PodGroup } from './container-limits.ts'
import { defaultPath, environmentOf, isShellSafe } from './environment.ts'
import type { HiddenDir } from './hidden-dir.ts'
import { imageIdOf, resolveImage } from './image-resolution.ts'
import type { ResolvedImage } from './image-resolution.ts'
import type { ImageStore } from './isolation/image-store.ts'
import type { LaunchPlan } from './launch-plan.ts'
import type { ProcessConfig } from './process-config.ts'
import { prepareSandbox } from './isolation/prepare-sandbox.ts'
import type { Peer } from './isolation/pod-namespaces.ts'
import { containerFilter } from './isolation/seccomp/container-filter.ts'
import type { PreparedSandbox } from './isolation/prepare-sandbox.ts'
import type { ProcessMark } from './process-identity.ts'
import { checkProgram, programOf } from './program.ts'
import { inTerminal } from './terminal-program.ts'
import type { Surroundings } from './surroundings.ts'
import { readUsers } from './user-database.ts'
import type { UserEntry } from './user-database.ts'
import type { RootImage } from './root-image.ts'
import { VkError } from '../../util/vk-error.ts'
import { resolveUser } from './users.ts'
import type { OwnUser, RunUser } from './users.ts'

export interface StartPlaces {
  readonly config: ProcessConfig
  readonly host: Pick<ProviderHost, 'protectedDir'>
  readonly surroundings: Surroundings
  readonly images: Pick<ImageStore, 'ensure'>
  /** Sandboxes of the pod that run. */
  readonly peers: readonly Peer[]
  /** Of a pod whose containers share their processes. */
  readonly holder?: ProcessMark | undefined
  /** Where its containers have the memory that they share. */
  readonly memoryDir?: string | undefined
}

/** What the answers of `resolveStart` depend on. */
export interface ResolvePlaces {
  readonly config: ProcessConfig
  /** Undefined: not known, and nothing is kept out. */
  readonly protectedDir: string | undefined
  readonly own: OwnUser
  readonly canIsolate: boolean
}

/** A launch without what belongs to its record. */
export interface StartPlan extends Omit<LaunchPlan, 'dir' | 'cgroupFiles' | 'killFile'> {
  readonly runsAs: RunUser
  readonly imageId: string
  readonly limits: CgroupLimits
  readonly podGroup: PodGroup | undefined
}

/** What a container's own words come to. */
export interface ResolvedStart {
  readonly image: ResolvedImage
  readonly user: RunUser
  readonly users: ReadonlyMap<number, UserEntry>
  readonly dropped: readonly string[]
}

/**
 * Image, user and capabilities of a container, without side effects; rejects with
 * CreateContainerConfigError when one is wrong.
 */
export async function resolveStart(
  { pod, spec }: { readonly pod: Pod; readonly spec: Container },
  { config, protectedDir, own, canIsolate }: ResolvePlaces,
): Promise<ResolvedStart> {
  const users = await readUsers()
  const image = await resolveImage(spec.image ?? '', {
    imagePath: config.imagePath,
    imageDirPrefixes: config.imageDirPrefixes,
    canIsolate,
    protectedDir,
  })
  if (image.kind === 'root' && spec.tty === true) throw noTerminal(spec)
  programOf(spec, image, { command: spec.command ?? [], args: spec.args ?? [] })
  const user = resolveUser(pod, spec, { config, own, users })
  const allowed = config.allowedCapabilities
  if (canIsolate) {
    containerCapabilities(spec, allowed)
    checkTracing({ pod, spec }, { uid: user.uid, allowed })
  } else checkAddedCapabilities(spec)
  return { image, user, users, dropped: droppedCapabilities(spec) }
}

/** The whole plan of a start; makes the directory for the output, nothing else. */
export async function prepareStart(start: ContainerStart, places: StartPlaces): Promise<StartPlan> {
  const { spec, resolved, attemptDir } = start
  const { config, surroundings } = places
  const { image, user, users, dropped } = await resolveStart(start, {
    config,
    protectedDir: places.host.protectedDir,
    own: surroundings.own,
    canIsolate: surroundings.canIsolate,
  })
  const home = await existingHome(users.get(user.uid)?.home)
  const env = environmentOf(resolved.env, { home, hostname: start.hostname ?? hostname() })
  const program = programOf(spec, image, resolved)
  const isolation = await isolationFor(start, { user, home, image, env, places })
  const file = await checkProgram(program, {
    searchPath: env.get('PATH') ?? defaultPath,
    user,
    view: isolation?.builder,
  })
  const { script } = surroundings.tools
  const hasTerminal = spec.tty === true && script !== undefined
  const outputs = await makeOutputs(attemptDir, user)
  return {
    ...outputs,
    program: hasTerminal ? inTerminal(program, script) : { ...program, file },
    env: hasTerminal ? new Map([['TERM', 'xterm'], ...env]) : env,
    hasInput: spec.stdin === true || hasTerminal,
    user: isOwn(user, surroundings.own) ? undefined : user,
    noNewPrivileges: spec.securityContext?.allowPrivilegeEscalation === false,
    // A lenient node runs the pod all the same.
    dropped: surroundings.canDropCapabilities ? dropped : [],
    hidden: hiddenFor(start, { user, places }),
    isolation: isolation?.sandbox,
    runsAs: user,
    imageId: imageIdOf(image),
    limits: containerLimits(spec, config),
    podGroup: podGroupOf(start.pod),
  }
}

/** Is the user who we are, so that nothing needs to be switched? */
export function isOwn(user: RunUser, own: OwnUser): boolean {
  const groups = (of: { readonly gid: number; readonly list: readonly number[] }): string =>
    [...new Set([of.gid, ...of.list])].sort((a, b) => a - b).join()
  return (
    user.uid === own.uid &&
    user.gid === own.gid &&
    groups({ gid: user.gid, list: user.supplementalGroups }) ===
      groups({ gid: own.gid, list: own.groups })
  )
}

interface Isolating {
  readonly user: RunUser
  readonly home: string
  readonly image: ResolvedImage
  readonly env: ReadonlyMap<string, string>
  readonly places: StartPlaces
}

async function isolationFor(
  start: ContainerStart,
  { user, home, image, env, places }: Isolating,
): Promise<PreparedSandbox | undefined> {
  const { config, host, surroundings, images } = places
  if (!surroundings.canIsolate) return undefined
  const unpack = async (root: RootImage): Promise<string> =>
    root.digest === undefined
      ? root.path
      : await images.ensure({ path: root.path, digest: root.digest }, start.pod.metadata.uid)
  return await prepareSandbox(
    start,
    { user, home },
    {
      config,
      protectedDir: host.protectedDir,
      isRoot: surroundings.own.uid === 0,
      trusted: surroundings.trustedFiles,
      kit: surroundings.toolKit,
      needsNode: !isShellSafe(env),
      imageRoot: image.kind === 'root' ? await unpack(image) : undefined,
      peers: places.peers,
      holder: places.holder,
      caller: surroundings.caller,
      memoryDir: places.memoryDir,
      filter: await containerFilter(start, {
        rootDir: host.protectedDir,
        filters: surroundings.filters,
        isDefault: config.seccompDefault,
        capabilities:
          surroundings.own.uid === 0
            ? containerCapabilities(start.spec, config.allowedCapabilities)
            : [],
      }),
    },
  )
}

function noTerminal({ name }: Container): VkError {
  const why = "programs in roots other than the host's have no terminals: leave tty out"
  return new VkError('Unsupported', `Cannot run container "${name}": ${why}`, {
    podReason: 'CreateContainerConfigError',
  })
}

// Other users are kept out by the directory's mode; they need the namespace only to see their volumes.
function hiddenFor(
  { mounts }: ContainerStart,
  { user, places }: { readonly user: RunUser; readonly places: StartPlaces },
): HiddenDir | undefined {
  const { surroundings, host } = places
  if (!surroundings.canHide || surroundings.canIsolate) return undefined
  if (user.uid !== surroundings.own.uid && mounts.length === 0) return undefined
  return { dir: host.protectedDir, visible: [...new Set(mounts.map(({ hostPath }) => hostPath))] }
}

// The files belong to the container's user: programs open /dev/stdout anew, which asks for the right.
async function makeOutputs(
  dir: string,
  user: RunUser,
): Promise<Pick<LaunchPlan, 'stdoutPath' | 'stderrPath'>> {
  const [stdoutPath, stderrPath] = [join(dir, 'stdout.log'), join(dir, 'stderr.log')]
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await Promise.all([makeOutput(stdoutPath, user), makeOutput(stderrPath, user)])
  return { stdoutPath, stderrPath }
}

async function makeOutput(path: string, user: RunUser): Promise<void> {
  const file = await open(path, 'a', 0o600)
  try {
    if (user.uid !== process.getuid?.()) await file.chown(user.uid, user.gid)
  } finally {
    await file.close()
  }
}

async function existingHome(home: string | undefined): Promise<string> {
  const found = home === undefined ? undefined : await stat(home).catch(() => undefined)
  return home !== undefined && found?.isDirectory() ? home : '/'
}
