// SPDX-License-Identifier: Apache-2.0
// Kubeconfig files read and merged as kubectl does it: of entries with the same name, and of
// current-context, the first file's counts, whole. Errors quote no content: it holds keys and tokens.
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { UserError } from '../util/vk-error.ts'
import type {
  KubeconfigCluster,
  KubeconfigContext,
  KubeconfigFile,
  KubeconfigUser,
} from './kubeconfig-schema.ts'
import { parseKubeconfig } from './parse-kubeconfig.ts'

/** An entry, and the file that it stands in. */
export interface Located<T> {
  readonly value: T
  readonly file: string
}

/** Several kubeconfig files as one. */
export interface Kubeconfig {
  readonly currentContext: string | undefined
  readonly clusters: ReadonlyMap<string, Located<KubeconfigCluster>>
  readonly users: ReadonlyMap<string, Located<KubeconfigUser>>
  readonly contexts: ReadonlyMap<string, Located<KubeconfigContext>>
  /** The files that were there, for messages. */
  readonly files: readonly string[]
}

/** Reads one file that has to be there. */
export async function readKubeconfig(file: string): Promise<Kubeconfig> {
  const content = await readIfThere(file)
  if (content === undefined) {
    throw new UserError(`Cannot read kubeconfig "${file}": there is no such file`, {
      hint: 'give the path of a kubeconfig with --kubeconfig or KUBECONFIG',
    })
  }
  return merge([{ file, content: parseKubeconfig(content, file) }])
}

/** Reads several files, of which at least one has to be there. */
export async function readKubeconfigs(files: readonly string[]): Promise<Kubeconfig> {
  const parsed: Parsed[] = []
  for (const file of files) {
    const content = await readIfThere(file)
    if (content !== undefined) parsed.push({ file, content: parseKubeconfig(content, file) })
  }
  if (parsed.length === 0) {
    const names = files.map((file) => `"${file}"`).join(', ')
    throw new UserError(`Cannot read kubeconfig ${names}: there is no such file`, {
      hint: 'correct KUBECONFIG, or unset it to use ~/.kube/config',
    })
  }
  return merge(parsed)
}

/** A path in a kubeconfig is relative to the file that it stands in. */
export function pathIn(file: string, path: string): string {
  return resolve(dirname(file), path)
}

interface Parsed {
  readonly file: string
  readonly content: KubeconfigFile
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'EISDIR') {
      throw new UserError(`Cannot read kubeconfig "${file}": it is a directory`, {
        hint: 'give the path of a kubeconfig with --kubeconfig or KUBECONFIG',
      })
    }
    const why = code === 'EACCES' ? 'this user may not read it' : (code ?? 'unknown error')
    throw new UserError(`Cannot read kubeconfig "${file}": ${why}`, {
      hint: 'check the permissions of the file',
    })
  }
}

function merge(files: readonly Parsed[]): Kubeconfig {
  const clusters = new Map<string, Located<KubeconfigCluster>>()
  const users = new Map<string, Located<KubeconfigUser>>()
  const contexts = new Map<string, Located<KubeconfigContext>>()
  let currentContext: string | undefined
  for (const { file, content } of files) {
    currentContext ||= content['current-context'] ?? undefined
    for (const { name, cluster } of content.clusters ?? []) {
      addFirst(clusters, name, { value: cluster, file })
    }
    for (const { name, user } of content.users ?? []) {
      addFirst(users, name, { value: user ?? {}, file })
    }
    for (const { name, context } of content.contexts ?? []) {
      addFirst(contexts, name, { value: context, file })
    }
  }
  return { currentContext, clusters, users, contexts, files: files.map(({ file }) => file) }
}

function addFirst<T>(entries: Map<string, Located<T>>, name: string, entry: Located<T>): void {
  if (!entries.has(name)) entries.set(name, entry)
}
