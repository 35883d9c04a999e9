// SPDX-License-Identifier: Apache-2.0
// Holds the process namespace of a pod whose containers share one: a program that sleeps, below a first process
// that buries what the containers leave. Like a container it notes itself who it is before it begins, so that
// every life of ours finds it, and none starts a second one.
import { spawn } from 'node:child_process'
import { mkdir, readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../util/clock.ts'
import { VkError } from '../../../util/vk-error.ts'
import type { HostTools } from '../host-tools.ts'
import { isAlive, observeProcess } from '../process-identity.ts'
import type { ProcessMark } from '../process-identity.ts'
import { hostTree } from './file-tree.ts'
import { rootArguments } from './root-arguments.ts'
import { madeDir, readOnlyBind } from './root-node.ts'
import { findProgram } from './sandboxed-program.ts'

/** Notes pid and start time, then becomes bwrap. */
const script = `umask 077
read -r line <"/proc/$$/stat"
start_of() { start=\${20}; }
start_of \${line##*) }
set -C
printf '%s|%s|\\n' "$$" "$start" >"$1/holder" || exit 125
exec 7>"$1/sandbox" || exit 125
[ -z "$2" ] || exec 8<"$2"
shift 2
exec "$@"
`

const longestSeconds = '2147483647'
const maxWaitMs = 10_000

export interface HolderOptions {
  readonly tools: Pick<HostTools, 'bubblewrap' | 'shell' | 'sleep'>
  readonly bootId: string
  readonly clock: Clock
  /** File with the filter of system calls of what holds a namespace, for bwrap; undefined: none. */
  readonly filter: string | undefined
}

/** The holders of a node's pods. */
export class PodHolders {
  readonly #dir: string
  readonly #options: HolderOptions
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(dir: string, options: HolderOptions) {
    this.#dir = dir
    this.#options = options
  }

  /** A process in the pod's namespace. */
  async ensure(uid: string): Promise<ProcessMark> {
    return await this.#inTurn(uid, () => this.#ensure(uid))
  }

  async #ensure(uid: string): Promise<ProcessMark> {
    const found = await this.#find(uid)
    if (found !== undefined) return found
    // What died with its note has taken all processes of the namespace along.
    await this.#remove(uid)
    const dir = join(this.#dir, uid)
    await mkdir(dir, { recursive: true, mode: 0o700 })
    this.#start(dir)
    const { clock } = this.#options
    const deadlineMs = clock.monotonicMs() + maxWaitMs
    while (clock.monotonicMs() < deadlineMs) {
      const holder = await this.#find(uid)
      if (holder !== undefined) return holder
      await clock.sleep(2)
    }
    throw new VkError('Unavailable', 'Cannot make a process namespace for the pod')
  }

  /** Pods that have one, or had one that died. */
  async uids(): Promise<readonly string[]> {
    // No pod has shared its processes yet.
    return await readdir(this.#dir).catch(() => [])
  }

  /** Ends it, with every process in the namespace. Unknown: does nothing. */
  async remove(uid: string): Promise<void> {
    await this.#inTurn(uid, () => this.#remove(uid))
  }

  /** One after the other for each pod: who comes while one is ended gets another. */
  async #inTurn<T>(uid: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(uid)
    const turn = (async () => {
      // Whoever asked is told of its failure.
      await before?.catch(() => {})
      return await work()
    })()
    this.#turns.set(uid, turn)
    try {
      return await turn
    } finally {
      if (this.#turns.get(uid) === turn) this.#turns.delete(uid)
    }
  }

  async #remove(uid: string): Promise<void> {
    const dir = join(this.#dir, uid)
    const identity = await this.#identity(uid)
    if (identity && (await this.#isAlive(identity))) {
      const inside = await findProgram(dir, { ancestor: identity.pid, hasOwnProcesses: false })
      for (const pid of [inside?.inside.pid, identity.pid]) if (pid !== undefined) kill(pid)
    }
    await rm(dir, { recursive: true, force: true })
  }

  async #find(uid: string): Promise<ProcessMark | undefined> {
    const identity = await this.#identity(uid)
    if (!identity || !(await this.#isAlive(identity))) return undefined
    const place = { ancestor: identity.pid, hasOwnProcesses: true }
    // Once its program runs, all is as it shall be.
    return (await findProgram(join(this.#dir, uid), place))?.inside
  }

  async #identity(uid: string) {
    const text = await readFile(join(this.#dir, uid, 'holder'), 'utf8').catch(() => '')
    const [, pid, startTime = ''] = /^(\d+)\|([^|]+)\|\n$/.exec(text) ?? []
    return pid === undefined
      ? undefined
      : { pid: Number(pid), startTime, bootId: this.#options.bootId }
  }

  async #isAlive(identity: { pid: number; startTime: string; bootId: string }): Promise<boolean> {
    const observed = await observeProcess(identity.pid)
    return isAlive(identity, { bootId: this.#options.bootId, observed })
  }

  #start(dir: string): void {
    const { filter } = this.#options
    const { bubblewrap = 'bwrap', shell, sleep = 'sleep' } = this.#options.tools
    const filtered = filter === undefined ? [] : ['--seccomp', '8']
    const rights = ['--unshare-pid', '--cap-drop', 'ALL', ...filtered]
    const words = ['--info-fd', '7', ...rights, ...holderRoot()]
    const args = ['-c', script, 'virtual-kubelet-holder', dir, filter ?? '', bubblewrap, ...words]
    const child = spawn(shell, [...args, '--', sleep, longestSeconds], {
      cwd: '/',
      env: {},
      detached: true,
      stdio: 'ignore',
    })
    child.once('error', () => {
      // Nothing was started: nobody will be found, and the caller says so.
    })
    child.unref()
  }
}

/** Just enough to sleep: whoever gets to see it through /proc shall find nothing. */
function holderRoot(): readonly string[] {
  const root = madeDir()
  for (const name of ['usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']) {
    const path = `/${name}`
    const entry = hostTree.entry(path)
    if (!entry) continue
    const isLink = entry.kind === 'link'
    root.children.set(
      name,
      isLink ? { kind: 'link', target: hostTree.target(path) } : readOnlyBind(path),
    )
  }
  return rootArguments(root)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}
