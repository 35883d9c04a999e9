// SPDX-License-Identifier: Apache-2.0
// The command as a process of its own, for tests that start it, wait for what it says, and signal it.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const main = join(import.meta.dirname, '../../src/cli/main.ts')

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command that runs; killed when disposed of. */
export class CliProcess implements AsyncDisposable {
  readonly child: ChildProcess
  readonly ended: Promise<CliResult>
  #stdout = ''
  #stderr = ''
  readonly #listeners = new Set<() => void>()

  constructor(args: readonly string[], { env = {}, input }: CliOptions = {}) {
    const { PATH = '', TMPDIR = '/tmp', NODE_COMPILE_CACHE } = process.env
    this.child = spawn(process.execPath, [main, ...args], {
      env: { PATH, TMPDIR, NODE_COMPILE_CACHE, HOME: '/nonexistent', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.child.stdin?.end(input)
    this.child.stdout?.on('data', (bytes: Buffer) =>
      this.#add(() => (this.#stdout += bytes.toString())),
    )
    this.child.stderr?.on('data', (bytes: Buffer) =>
      this.#add(() => (this.#stderr += bytes.toString())),
    )
    this.ended = once(this.child, 'close').then(([code]) => {
      this.#add(() => {})
      return { code: code as number | null, stdout: this.#stdout, stderr: this.#stderr }
    })
  }

  /** Resolves once its outputs hold the pattern; rejects when it ends before. */
  async says(pattern: RegExp): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = (): void => {
      const said = `${this.#stdout}${this.#stderr}`
      if (pattern.test(said)) resolve()
      else if (this.child.exitCode !== null)
        reject(new Error(`It ended without ${pattern}: ${said}`))
    }
    this.#listeners.add(look)
    look()
    try {
      await promise
    } finally {
      this.#listeners.delete(look)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }

  #add(append: () => void): void {
    append()
    for (const listener of this.#listeners) listener()
  }
}

/** Runs a command to its end. */
export async function runCli(args: readonly string[], options?: CliOptions): Promise<CliResult> {
  await using cli = new CliProcess(args, options)
  return await cli.ended
}
