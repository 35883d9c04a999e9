// SPDX-License-Identifier: Apache-2.0
// Runs a command in a container through the engine. An engine has no way to end one: when nobody is there any
// more its input ends, and where the engine runs on this machine its process is killed.
import type { Duplex } from 'node:stream'
import type { CallContext } from '../../../provider/provider.ts'
import type { ExecOptions, ProcessExit, ProcessStreams } from '../../../provider/streams.ts'
import type { Clock } from '../../../util/clock.ts'
import { VkError } from '../../../util/vk-error.ts'
import type { Engine } from '../engine/connect-engine.ts'
import type { ContainerInspect } from '../engine/engine-objects.ts'
import { isRootless } from '../engine/is-rootless.ts'
import { engineResize } from './engine-resize.ts'
import { killInContainer } from './kill-in-container.ts'
import { inputTo, separate } from './separate-output.ts'

export interface ExecPlace {
  readonly engine: Engine
  readonly clock: Clock
  readonly engineId: string
}

interface ExecInspect {
  readonly Running: boolean
  readonly ExitCode: number | null
  readonly Pid: number
}

/** How long what the engine says of a command may be behind what happened. */
const settleLimitMs = 30_000
const settleMs = 20
const longestSettleMs = 500
/** How Docker and Podman begin, with runc or crun; Docker also where the container ends just now. */
const unstarted =
  /^(OCI runtime exec failed|Error: (runc|crun): |cannot exec in a (stopped|deleted|paused) state|task [0-9a-f]{64} not found)/
/** Nobody knows how it ended: as if it had been killed. */
const unknownExit: ProcessExit = { exitCode: 137 }

/** Starts the command; rejects with a VkError that says why it cannot be. */
export async function execInEngine(
  place: ExecPlace,
  { command, stdin, stdout, stderr, tty }: ExecOptions,
  { signal }: Pick<CallContext, 'signal'>,
): Promise<ProcessStreams> {
  if (command.length === 0) throw new VkError('Invalid', 'you must specify a command')
  const { client } = place.engine
  const body = {
    AttachStdin: stdin,
    AttachStdout: stdout,
    AttachStderr: stderr && !tty,
    Tty: tty,
    Cmd: command,
    ...(tty && { Env: ['TERM=xterm'] }),
  }
  const path = `/containers/${place.engineId}/exec`
  const { Id } = await client.json<{ Id: string }>({ method: 'POST', path, body }, { signal })
  const start = { Detach: false, Tty: tty }
  const connection = await connectTo(Id, { place, body: start })
  const { out, err, first, ended } = separate(connection, { isTerminal: tty, stdout, stderr })
  const leave = (): void => {
    connection.destroy()
    void endCommand(Id, place)
  }
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  void ended.then(() => signal.removeEventListener('abort', leave))
  await refuseUnstarted(Id, { place, first })
  return {
    ...(stdin && { stdin: inputTo(connection) }),
    ...(out && { stdout: out }),
    ...(err && { stderr: err }),
    resize: engineResize(
      { client, clock: place.clock, path: tty ? `/exec/${Id}/resize` : undefined },
      signal,
    ),
    exited: ended.then(() => exitOf(Id, place)),
  }
}

/** Starts it; nobody's leaving breaks this off, because then nobody would know whether it runs. */
async function connectTo(
  id: string,
  { place, body }: { readonly place: ExecPlace; readonly body: object },
): Promise<Duplex> {
  const { signal } = new AbortController()
  const request = { method: 'POST', path: `/exec/${id}/start`, body } as const
  try {
    return await place.engine.client.hijack(request, { signal })
  } catch (error) {
    void endCommand(id, place)
    throw error
  }
}

const hasStarted = ({ Running, Pid }: ExecInspect): boolean => Running && Pid > 0
const hasFailed = ({ ExitCode }: ExecInspect): boolean => (ExitCode ?? 0) > 0

/**
 * Engines agree to run what they cannot: they say so as if it were its output. Whether that was it shows in
 * how the command ended; one that goes on has started, whatever it prints.
 */
async function refuseUnstarted(
  id: string,
  { place, first }: { readonly place: ExecPlace; readonly first: Promise<Buffer | undefined> },
): Promise<void> {
  let hasSpoken = false
  void first.then(() => (hasSpoken = true))
  const isRunning = async (): Promise<undefined> => {
    await place.clock.sleep(settleMs)
    // Of a command that is over already nobody will ever say that it runs.
    if (!hasSpoken) await lookUntil((exec) => hasSpoken || hasStarted(exec), id, place)
  }
  const words = (await Promise.race([first, isRunning()]))?.toString().trim() ?? ''
  if (!unstarted.test(words)) return
  const found = await lookUntil((exec) => hasStarted(exec) || hasFailed(exec), id, place)
  const isRefused = found?.ExitCode === 126 || found?.ExitCode === 127
  if (isRefused) throw new VkError('Invalid', words)
}

/** The connection ends a moment before the engine has noted how the command ended. */
async function exitOf(id: string, place: ExecPlace): Promise<ProcessExit> {
  const { ExitCode = null } = (await lookUntil(({ Running }) => !Running, id, place)) ?? {}
  return ExitCode === null ? unknownExit : { exitCode: ExitCode }
}

/** What the engine says once it is so; undefined when it is never so. */
async function lookUntil(
  isSo: (exec: ExecInspect) => boolean,
  id: string,
  place: ExecPlace,
): Promise<ExecInspect | undefined> {
  const { clock } = place
  const untilMs = clock.monotonicMs() + settleLimitMs
  for (let waitMs = settleMs; ; waitMs = Math.min(2 * waitMs, longestSettleMs)) {
    const found = await look(id, place)
    if (isSo(found)) return found
    if (clock.monotonicMs() > untilMs) return undefined
    await clock.sleep(waitMs)
  }
}

/** A command may have written before its engine says that it runs: it is looked for until that is so. */
async function endCommand(id: string, place: ExecPlace): Promise<void> {
  const { engine, engineId } = place
  if (!engine.isLocal) return
  // Docker knows no exit code before the end; Podman's is 0 from the beginning.
  const hasEnded = ({ Running, ExitCode }: ExecInspect): boolean =>
    !Running && ExitCode !== null && (ExitCode !== 0 || engine.kind === 'docker')
  const found = await lookUntil((exec) => hasStarted(exec) || hasEnded(exec), id, place)
  if (!found || !hasStarted(found)) return
  const firstPid = isRootless(engine.info) ? await firstPidOf(place) : 0
  killInContainer(found.Pid, { engineId, firstPid })
}

/** Of the container; 0 when it does not run. */
async function firstPidOf({ engine, engineId }: ExecPlace): Promise<number> {
  const { signal } = new AbortController()
  const request = { path: `/containers/${engineId}/json` }
  try {
    const { State } = await engine.client.json<ContainerInspect>(request, { signal })
    return State.Pid
  } catch {
    // With the container its commands are gone.
    return 0
  }
}

async function look(id: string, { engine }: ExecPlace): Promise<ExecInspect> {
  const { signal } = new AbortController()
  try {
    const path = `/exec/${id}/json`
    return await engine.client.json<ExecInspect>({ path }, { signal, timeoutMs: settleLimitMs })
  } catch (error) {
    // The container is gone, and with it whatever ran in it; or the engine is, and nobody can tell yet.
    const isGone = error instanceof VkError && error.code === 'NotFound'
    return { Running: false, ExitCode: isGone ? unknownExit.exitCode : null, Pid: 0 }
  }
}
