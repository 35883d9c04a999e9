// SPDX-License-Identifier: Apache-2.0
//
// Runs one command with a folder for what it leaves behind, in a network namespace of its own or without.
// A namespace ends with the command, and every process in it; the folder stays if the command fails.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { endProcessesNaming } from './host-processes.ts'
import { createNetworkNamespace } from './network-namespace.ts'
import { FOLDER_VARIABLE, makeRunFolder, NAMESPACE_VARIABLE } from './requirements.ts'
import { unmountBelow } from './unmount-below.ts'

/** Returns the exit code of the command. Needs root on Linux: see `namespaceObstacle`. */
export async function runInNamespace(command: readonly string[]): Promise<number> {
  using namespace = createNetworkNamespace()
  const env = { [NAMESPACE_VARIABLE]: namespace.name }
  return await runWithFolder([...namespace.enter, ...command], env)
}

/** The same without a namespace; whatever still runs in the folder is ended afterwards. */
export async function runWithFolder(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const folder = makeRunFolder()
  const code = await runCommand(command, { ...env, [FOLDER_VARIABLE]: folder })
  endProcessesNaming(folder)
  unmountBelow(folder)
  // What was killed just now may still be about to write.
  if (code === 0) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  else console.error(`Logs of the failed run are in ${folder}`)
  return code
}

/** Runs a command on our own terminal; SIGINT and SIGTERM are its to answer. */
export async function runCommand(
  [program = '', ...args]: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  const forward = (signal: NodeJS.Signals) => void child.kill(signal)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, forward)
  try {
    const [code] = (await once(child, 'exit')) as [number | null]
    return code ?? 1
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, forward)
  }
}
