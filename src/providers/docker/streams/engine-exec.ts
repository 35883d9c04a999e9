// SPDX-License-Identifier: Apache-2.0
// Runs a command in a container through the engine. An engine has no way to end one: when nobody is there any
// more its input ends, and where the engine runs on this machine its process is killed.
import type { CallContext } from '../../../provider/provider.ts'
import type { ExecOptions, ProcessExit, ProcessStreams } from '../../../provider/streams.ts'
import type { Clock } from '../../../util/clock.ts'
import { VkError } from '../../../util/vk-error.ts'
import type { Engine } from '../engine/connect-engine.ts'
import { killInContainer } from './kill-in-container.ts'
import { inputTo, separate } from './separate-output.ts'
import { sizesInOrder } from './sizes-in-order.ts'

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

const settleTries = 50
const settleMs = 20
/** How Docker and Podman begin, with runc or crun. */
const unstarted = /^(OCI runtime exec failed|Error: (runc|crun): )/
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
  const connection = await client.hijack(
    { method: 'POST', path: `/exec/${Id}/start`, body: start },
    new AbortController().signal,
  )
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
    resize: sizesInOrder(
      async ({ width, height }) => {
        if (!tty) return
        const resize = { path: `/exec/${Id}/resize`, query: { w: width, h: height } }
        await client.text({ method: 'POST', ...resize }, { signal })
      },
      { clock: place.clock, signal },
    ),
    exited: ended.then(() => exitOf(Id, place)),
  }
}

/**
 * Engines agree to run what they cannot: they say so as if it were its output. Whether that was it shows in
 * how the command ended; one that goes on has started, whatever it prints.
 */
async function refuseUnstarted(
  id: string,
  { place, first }: { readonly place: ExecPlace; readonly first: Promise<Buffer | undefined> },
): Promise<void> {
  const isRunning = async (): Promise<undefined> => {
    for (let tries = 0; tries < settleTries; tries += 1) {
      await place.clock.sleep(settleMs)
      const { Running, Pid } = await look(id, place)
      if (Running && Pid > 0) return undefined
    }
    return undefined
  }
  const words = (await Promise.race([first, isRunning()]))?.toString().trim() ?? ''
  if (!unstarted.test(words)) return
  for (let tries = 0; tries < settleTries; tries += 1) {
    const { Running, ExitCode, Pid } = await look(id, place)
    if (Running && Pid > 0) return
    if (ExitCode === 126 || ExitCode === 127) throw new VkError('Invalid', words)
    await place.clock.sleep(settleMs)
  }
}

/** The connection ends a moment before the engine has noted how the command ended. */
async function exitOf(id: string, place: ExecPlace): Promise<ProcessExit> {
  for (let tries = 0; tries < settleTries; tries += 1) {
    const { Running, ExitCode } = await look(id, place)
    if (!Running) return ExitCode === null ? unknownExit : { exitCode: ExitCode }
    await place.clock.sleep(settleMs)
  }
  return unknownExit
}

async function endCommand(id: string, place: ExecPlace): Promise<void> {
  const { Running, Pid } = await look(id, place)
  const { engine, engineId } = place
  if (Running && engine.isLocal) killInContainer(Pid, engineId)
}

async function look(id: string, { engine }: ExecPlace): Promise<ExecInspect> {
  const { signal } = new AbortController()
  const gone: ExecInspect = { Running: false, ExitCode: null, Pid: 0 }
  // The container is gone, and with it whatever ran in it; or the engine is, and nobody can tell.
  return await engine.client
    .json<ExecInspect>({ path: `/exec/${id}/json` }, { signal })
    .catch(() => gone)
}
