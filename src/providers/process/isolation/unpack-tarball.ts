// SPDX-License-Identifier: Apache-2.0
// Unpacks a tarball by the host's tar in a sandbox that can write to one directory and nowhere else, has no
// network and makes no devices: links and odd names in it lead to nothing.
import { spawn } from 'node:child_process'
import { createHash, type Hash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { withPipes } from '../../../util/child-pipes.ts'
import type { HostTools } from '../host-tools.ts'

/** Where the directory lies in the sandbox. */
const place = '/tmp'
const owning = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID'].flatMap((name) => [
  '--cap-add',
  `CAP_${name}`,
])

export interface UnpackOptions {
  readonly dir: string
  readonly tools: Pick<HostTools, 'bubblewrap' | 'tar'>
}

/** Unpacks it and answers the SHA-256 of the bytes that were read; the end of the name tells how it is packed. */
export async function unpackTarball(path: string, options: UnpackOptions): Promise<string> {
  // Before tar, which would wait for ever for what nobody can read.
  await using file = await open(path)
  const { bubblewrap = 'bwrap' } = options.tools
  const child = withPipes(
    spawn(bubblewrap, unpackArguments(options), {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      stdio: ['pipe', 'ignore', 'pipe'],
    }),
  )
  let complaint = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (complaint.length < 1000) complaint += text
  })
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const [status, digest] = await Promise.all([closed, feed({ path, file }, child.stdin)])
  if (status !== 0) throw new Error(complaint.trim().split('\n')[0] || `tar ended with ${status}`)
  return digest
}

function unpackArguments({ dir, tools: { tar = 'tar' } }: UnpackOptions): readonly string[] {
  const isRoot = process.getuid?.() === 0
  const sandbox = ['--ro-bind', '/', '/', '--dev', '/dev', '--bind', dir, place, '--unshare-net']
  const extract = ['--extract', '--file=-', `--directory=${place}`, '--preserve-permissions']
  const withoutDevices = ['--anchored', '--exclude=dev/*', '--exclude=./dev/*']
  const owner = isRoot ? ['--same-owner', '--numeric-owner'] : ['--no-same-owner']
  const rights = isRoot ? ['--cap-drop', 'ALL', ...owning] : []
  return [...sandbox, ...rights, '--', tar, ...extract, ...owner, ...withoutDevices]
}

async function feed(
  { path, file }: { readonly path: string; readonly file: FileHandle },
  target: Writable,
): Promise<string> {
  const hash = createHash('sha256')
  const chunks = hashedChunks(file, hash)
  // A pipeline that breaks off ends its source; `chunks` goes on.
  const source = async function* (): AsyncGenerator<Buffer> {
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      yield next.value
    }
  }
  try {
    if (/\.t?gz$/.test(path)) await pipeline(source, createGunzip(), target)
    else if (path.endsWith('.zst')) await pipeline(source, createZstdDecompress(), target)
    else await pipeline(source, target)
  } catch (error) {
    if (!hasStopped.has((error as NodeJS.ErrnoException).code)) throw error
  }
  while ((await chunks.next()).done !== true);
  return hash.digest('hex')
}

async function* hashedChunks(file: FileHandle, hash: Hash): AsyncGenerator<Buffer> {
  for (;;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes)
    if (bytesRead === 0) return
    const bytes = buffer.subarray(0, bytesRead)
    hash.update(bytes)
    yield bytes
  }
}

const chunkBytes = 64 * 1024

/** tar has seen the end of the archive before the end of the file, or says itself why it went no further. */
const hasStopped: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'])
