// SPDX-License-Identifier: Apache-2.0
//
// A container engine for tests: Podman's API service or Docker's daemon, on a socket and with a storage of its
// own, so that nothing of the machine's is seen or touched. When it is disposed, all that it ran is gone; so it
// is when this process ends before that, but for SIGKILL.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { constants, homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EngineApi } from './engine-api.ts'

export type EngineKind = 'podman' | 'docker'

/** Where install-engines.sh unpacks Docker. */
const dockerRoot = join(
  process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
  'virtual-kubelet/docker',
)
/** Each is for a busy machine; what is over it is killed. */
const startLimitMs = 180_000
const stopLimitMs = 60_000
/** For one command of the engine's command line. */
const hurriedRemovalLimitMs = 120_000
const endings = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const

/** Those of this process that are not disposed yet. */
const open = new Set<EngineDaemon>()

/** Why this engine cannot be started here, or undefined. */
export function engineObstacle(kind: EngineKind): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux'
  const programs =
    kind === 'podman'
      ? ['/usr/bin/podman', '/usr/sbin/runc', '/bin/busybox']
      : [join(dockerRoot, 'usr/sbin/dockerd'), '/usr/sbin/runc', '/bin/busybox']
  const missing = programs.find((program) => !existsSync(program))
  return missing && `there is no ${missing}: run test/docker/install-engines.sh`
}

export interface DaemonOptions {
  /** Images and containers are kept on a disk of this size, in memory; else where temporary files are. */
  readonly diskBytes?: number
}

/** A running engine; `kill` and `start` are for tests of its failures. */
export class EngineDaemon implements AsyncDisposable {
  readonly kind: EngineKind
  readonly folder: string
  readonly socket: string
  readonly api: EngineApi
  readonly #bridge = `vk${randomBytes(4).toString('hex')}`
  #process: ChildProcess | undefined

  private constructor(kind: EngineKind) {
    this.kind = kind
    this.folder = mkdtempSync(join(tmpdir(), `vk-${kind}-`))
    this.socket = join(this.folder, 'engine.sock')
    this.api = new EngineApi(this.socket)
    open.add(this)
    if (open.size > 1) return
    process.on('exit', endAll)
    for (const signal of endings) process.on(signal, endByDefault)
  }

  /** Starts one; resolves when it answers. */
  static async open(kind: EngineKind, options: DaemonOptions = {}): Promise<EngineDaemon> {
    const daemon = new EngineDaemon(kind)
    try {
      daemon.#prepare(options)
      await daemon.start()
      return daemon
    } catch (error) {
      await daemon[Symbol.asyncDispose]()
      throw error
    }
  }

  get host(): string {
    return `unix://${this.socket}`
  }

  /** Where images and containers are. */
  get storage(): string {
    return join(this.folder, this.kind === 'podman' ? 'root' : 'data')
  }

  /** Fills its disk but for so many bytes; the file that does it can be removed. */
  fillDisk(leaveBytes = 0): string {
    const file = join(this.storage, 'filler')
    const { bavail, bsize } = statfsSync(this.storage)
    const descriptor = openSync(file, 'w')
    const piece = Buffer.alloc(bsize, 1)
    try {
      for (let left = bavail - leaveBytes / bsize; left > 0; left -= 1) writeSync(descriptor, piece)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      closeSync(descriptor)
    }
    return file
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  /** What it has written. */
  get log(): string {
    return readFileSync(join(this.folder, 'log'), 'utf8')
  }

  /** Starts it, also again after a `kill`. */
  async start(): Promise<void> {
    // containerd dies with Docker; as long as init has not buried it, the next one would wait for it.
    rmSync(join(this.folder, 'exec/containerd/containerd.pid'), { force: true })
    const log = openSync(join(this.folder, 'log'), 'a')
    const [program = '', ...args] = this.kind === 'podman' ? this.#podman() : this.#docker()
    this.#process = spawn(program, args, {
      // Where a container ran out of memory, conmon leaves a file named `oom` in this folder.
      cwd: this.folder,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...this.#environment() },
    })
    closeSync(log)
    const endMs = performance.now() + startLimitMs
    while (!(await this.api.answers())) {
      const { exitCode, signalCode } = this.#process
      if (performance.now() > endMs || exitCode !== null || signalCode !== null) {
        throw new Error(`${this.kind} does not start:\n${this.log.slice(-2000)}`)
      }
      await delay(50)
    }
  }

  /** Ends the daemon, and nothing that it runs. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
    this.#process = undefined
  }

  /** The engine's own command line, talking to this engine. */
  commandLine(): {
    readonly program: string
    readonly args: readonly string[]
    readonly env: NodeJS.ProcessEnv
  } {
    const env = { ...process.env, ...this.#environment() }
    return this.kind === 'podman'
      ? { program: 'podman', args: this.#storage(), env }
      : { program: join(dockerRoot, 'usr/bin/docker'), args: ['--host', this.host], env }
  }

  /** Lets it pull from a registry without TLS; Docker does so from loopback unasked. */
  async allowInsecure(host: string): Promise<void> {
    if (this.kind === 'docker') return
    const entry = `[[registry]]\nlocation = "${host}"\ninsecure = true\n`
    appendFileSync(join(this.folder, 'registries.conf'), entry)
    await this.#stop()
    await this.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!(await this.api.answers())) await this.kill()
    if (!this.#process) await this.start().catch(() => {})
    await this.api.removeAll().catch((error: unknown) => console.error(String(error)))
    await this.#stop()
    this.#cleanUp()
  }

  /** Ends it as its user would; one that does not listen is killed. */
  async #stop(): Promise<void> {
    const late = setTimeout(() => this.#process?.kill('SIGKILL'), stopLimitMs)
    await this.kill('SIGTERM')
    clearTimeout(late)
  }

  /** The same for a process that has no time left for promises. */
  endNow(): void {
    const { program, args, env } = this.commandLine()
    const client = (...more: readonly string[]): string =>
      execFileSync(program, [...args, ...more], {
        env,
        stdio: 'pipe',
        timeout: hurriedRemovalLimitMs,
      }).toString()
    try {
      const ids = client('ps', '--all', '--quiet', '--no-trunc').split('\n').filter(Boolean)
      const hurry = this.kind === 'podman' ? ['--time=0'] : []
      if (ids.length > 0) client('rm', '--force', '--volumes', ...hurry, ...ids)
    } catch {
      // It hangs, or is not there: what it ran is killed.
    }
    this.#cleanUp()
  }

  #prepare({ diskBytes }: DaemonOptions): void {
    if (diskBytes !== undefined) {
      mkdirSync(this.storage)
      run('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', this.storage])
    }
    if (this.kind === 'podman') {
      writeFileSync(join(this.folder, 'containers.conf'), containersConf(this.folder))
      writeFileSync(join(this.folder, 'registries.conf'), '')
      return
    }
    // A bridge of its own, because there can be only one docker0.
    const subnet = `10.${100 + ((randomBytes(1)[0] ?? 0) % 100)}.${randomBytes(1)[0]}`
    run('ip', ['link', 'add', this.#bridge, 'type', 'bridge'])
    run('ip', ['addr', 'add', `${subnet}.1/24`, 'dev', this.#bridge])
    run('ip', ['link', 'set', this.#bridge, 'up'])
  }

  #podman(): readonly string[] {
    return ['podman', ...this.#storage(), 'system', 'service', '--time', '0', this.host]
  }

  #storage(): readonly string[] {
    return ['--root', this.storage, '--runroot', join(this.folder, 'run')]
  }

  #docker(): readonly string[] {
    return [
      'dockerd',
      `--data-root=${this.storage}`,
      `--exec-root=${join(this.folder, 'exec')}`,
      `--pidfile=${join(this.folder, 'pid')}`,
      `--host=${this.host}`,
      `--bridge=${this.#bridge}`,
      '--iptables=false',
      '--ip6tables=false',
    ]
  }

  #environment(): Readonly<Record<string, string>> {
    const path = `${join(dockerRoot, 'usr/bin')}:${join(dockerRoot, 'usr/sbin')}`
    return {
      PATH: `${path}:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
      CONTAINERS_CONF: join(this.folder, 'containers.conf'),
      CONTAINERS_REGISTRIES_CONF: join(this.folder, 'registries.conf'),
    }
  }

  #cleanUp(): void {
    open.delete(this)
    if (open.size === 0) {
      process.off('exit', endAll)
      for (const signal of endings) process.off(signal, endByDefault)
    }
    // Podman keeps a process for each command for five minutes after its end.
    killAll(() => processesNaming(`${this.folder}/`))
    killAll(() => processesLivingIn(`${this.folder}/`))
    for (const mount of mountsBelow(this.folder)) {
      try {
        run('umount', ['--lazy', mount])
      } catch {
        // Gone already, with another one.
      }
    }
    if (this.kind === 'docker') {
      try {
        run('ip', ['link', 'delete', this.#bridge])
      } catch {
        // It was never made.
      }
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** The limits are those that a machine without CAP_SYS_RESOURCE can give. */
function containersConf(folder: string): string {
  return `
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "${join(folder, 'tmp')}"
[network]
network_config_dir = "${join(folder, 'networks')}"
`
}

function endAll(): void {
  for (const daemon of open) daemon.endNow()
}

/** Whoever else listens decides when this process ends. */
function endByDefault(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) === 1) process.exit(128 + constants.signals[signal])
}

function processesNaming(text: string): readonly number[] {
  return processesOf('cmdline', (content) => content.includes(text))
}

/** Processes of containers: their root is mounted from below the folder. */
function processesLivingIn(folder: string): readonly number[] {
  return processesOf('mountinfo', (content) =>
    content.split('\n').some((line) => line.split(' ')[4] === '/' && line.includes(folder)),
  )
}

function processesOf(file: string, matches: (content: string) => boolean): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => {
    try {
      return pid !== process.pid && matches(readFileSync(`/proc/${pid}/${file}`, 'utf8'))
    } catch {
      // It has just ended.
      return false
    }
  })
}

/** Until none is left that could still open or mount something. */
function killAll(find: () => readonly number[]): void {
  const never = new Int32Array(new SharedArrayBuffer(4))
  for (let tries = 0; tries < 100; tries += 1) {
    const pids = find()
    if (pids.length === 0) return
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has just ended.
      }
    }
    Atomics.wait(never, 0, 0, 20)
  }
}

function mountsBelow(folder: string): readonly string[] {
  const lines = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  const targets = lines.map((line) => line.split(' ')[1] ?? '')
  return targets.filter((target) => target.startsWith(`${folder}/`)).toReversed()
}

function run(program: string, args: readonly string[]): void {
  execFileSync(program, args, { stdio: 'pipe' })
}
