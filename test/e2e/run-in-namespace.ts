// SPDX-License-Identifier: Apache-2.0
//
// Runs one command in a network namespace of its own, with a folder for what it leaves behind. The
// namespace ends with the command, and every process in it; the folder stays if the command fails.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNetworkNamespace } from './network-namespace.ts'
import { FOLDER_VARIABLE } from './requirements.ts'

/** Returns the exit code of the command. Needs root on Linux: see `namespaceObstacle`. */
export async function runInNamespace(command: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'vk-e2e-'))
  // Pods of other users have to reach their volumes below it; private files have modes of their own.
  chmodSync(folder, 0o711)
  using namespace = createNetworkNamespace()
  const code = await runCommand([...namespace.enter, ...command], { [FOLDER_VARIABLE]: folder })
  if (code === 0) rmSync(folder, { recursive: true, force: true })
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
