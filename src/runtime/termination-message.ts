// SPDX-License-Identifier: Apache-2.0
// What a container says about its end: the file that it finds at its terminationMessagePath, and the end of
// its log where it asks for that and has failed without a word.
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Container } from '../kube/types.gen.ts'
import type { LogBatch, LogQuery } from '../provider/log-feed.ts'
import { VkError, messageOf } from '../util/vk-error.ts'
import type { ContainerMount } from './container-runtime.ts'
import type { Termination } from './decide/container-record.ts'
import { ifMissing } from './disk.ts'

/** Reads the log of the run in question. */
export type ReadLog = (query: LogQuery) => AsyncIterable<LogBatch>

const fileName = 'termination-log'
const defaultPath = '/dev/termination-log'
/** Of the file only the end is read. */
const maxFileBytes = 4096
const maxLogBytes = 2048
const maxLogLines = 80

/** Makes the file of one run, for any user to write to, and says where the container is to find it. */
export async function terminationMount(
  { terminationMessagePath }: Container,
  attemptDir: string,
): Promise<ContainerMount> {
  const hostPath = join(attemptDir, fileName)
  const file = await open(hostPath, 'a', 0o666)
  try {
    // The file creation mask is no concern of the container's.
    await file.chmod(0o666)
  } finally {
    await file.close()
  }
  const mountPath = terminationMessagePath || defaultPath
  return { name: '', hostPath, mountPath, isReadOnly: false, kind: 'file' }
}

/** A run that has ended. */
export interface EndedRun {
  readonly attemptDir: string
  readonly end: Pick<Termination, 'exitCode'>
  readonly readLog: ReadLog
  readonly signal: AbortSignal
}

/**
 * The message of a run that has ended; empty when it left none. Where it cannot be read it says so, as a kubelet's
 * does: an end is told all the same. Rejects only once the signal has aborted.
 */
export async function terminationMessage(
  spec: Container,
  { attemptDir, end, readLog, signal }: EndedRun,
): Promise<string> {
  let what = `log ${spec.terminationMessagePath || defaultPath}`
  try {
    const written = await endOfFile(join(attemptDir, fileName), maxFileBytes)
    const isSilent = written.length === 0 && end.exitCode !== 0
    if (!isSilent || spec.terminationMessagePolicy !== 'FallbackToLogsOnError') {
      return written.toString('utf8')
    }
    what = 'message from logs'
    return await endOfLog(readLog)
  } catch (error) {
    signal.throwIfAborted()
    return `Error on reading termination ${what}: ${withoutPlace(error)}`
  }
}

/** Errors of the disk say where on this machine it was. */
function withoutPlace(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  return error instanceof VkError ? error.message : (code ?? messageOf(error))
}

async function endOfFile(path: string, maxBytes: number): Promise<Buffer> {
  // Whatever a container may have put in its place is not followed, and not waited for.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await open(path, flags).catch(ifMissing(() => undefined))
  if (file === undefined) return Buffer.alloc(0)
  try {
    const { size } = await file.stat()
    const length = Math.min(size, maxBytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

async function endOfLog(readLog: ReadLog): Promise<string> {
  let lines: Uint8Array[] = []
  for await (const { entries } of readLog({
    previous: false,
    follow: false,
    tailLines: maxLogLines,
  })) {
    // `tailLines` is but a hint.
    lines = [...lines, ...entries.map(({ bytes }) => bytes)].slice(-maxLogLines)
  }
  return Buffer.concat(lines).subarray(-maxLogBytes).toString('utf8')
}
