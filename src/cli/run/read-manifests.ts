// SPDX-License-Identifier: Apache-2.0
// The objects that a user's files hold: YAML or JSON, several documents a file, Lists, folders, and `-`
// for standard input. A mistake is one line that names the file and, where known, the line.
import { readFile, readdir, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { LineCounter, parseAllDocuments } from 'yaml'
import type { ObjectMeta } from '../../kube/types.gen.ts'
import { UserError } from '../../util/vk-error.ts'
import { whyNoYaml, whyUnreadable } from '../config-file.ts'

/** An object as its author wrote it. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
  readonly [field: string]: unknown
}

export interface ReadManifestsOptions {
  /** Text of standard input, read when a path is `-`. */
  readonly readStdin: () => Promise<string>
  /**
   * Takes the place of the refusal of a mapping that is no Kubernetes object at all, such as a settings
   * file in the same folder; `at` names file and line.
   */
  readonly onOther?: (at: string) => void
}

const startHint =
  'Every object starts with apiVersion and kind, as in "apiVersion: batch/v1", "kind: Job".'
const extensions = ['.yaml', '.yml', '.json']

/** Every object in the files and folders, in their order; throws a UserError for the first mistake. */
export async function readManifests(
  paths: readonly string[],
  options: ReadManifestsOptions,
): Promise<readonly Manifest[]> {
  const manifests: Manifest[] = []
  for (const path of paths) {
    if (path === '-') {
      manifests.push(...parseManifests(await options.readStdin(), 'standard input', options))
      continue
    }
    for (const file of await filesIn(path)) {
      manifests.push(...parseManifests(await readText(file), `"${file}"`, options))
    }
  }
  if (manifests.length === 0) {
    throw new UserError(`Cannot use ${paths.join(', ')}: there is no object in it`)
  }
  return manifests
}

/** The objects of one text; `source` names it in messages. */
export function parseManifests(
  text: string,
  source: string,
  options: Pick<ReadManifestsOptions, 'onOther'> = {},
): readonly Manifest[] {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false })
  if (!Array.isArray(documents)) return []
  return documents.flatMap((document) => {
    const [error] = document.errors
    if (error) {
      const { line } = lines.linePos(error.pos[0])
      throw new UserError(`Cannot read ${source}, line ${line}: ${whyNoYaml(error.message)}`, {
        hint: 'Manifests are YAML or JSON.',
      })
    }
    const at = `${source}, line ${lines.linePos(document.contents?.range?.[0] ?? 0).line}`
    const value: unknown = document.toJS()
    if (value === null || value === undefined) return []
    const { onOther } = options
    if (onOther && isMapping(value) && !('apiVersion' in value) && !('kind' in value)) {
      onOther(at)
      return []
    }
    return itemsOf(value, at)
  })
}

async function filesIn(path: string): Promise<readonly string[]> {
  if (/^https?:\/\//.test(path)) {
    throw new UserError(`Cannot read "${path}": only files, folders and standard input are read`, {
      hint: `Fetch it yourself, and give - for its place: curl -fsSL ${path} | virtual-kubelet …`,
    })
  }
  try {
    if (!(await stat(path)).isDirectory()) return [path]
    const names = await readdir(path)
    const files = names.filter((name) => extensions.includes(extname(name))).sort()
    return files.map((name) => join(path, name))
  } catch (cause) {
    throw new UserError(`Cannot read "${path}": ${whyUnreadable(cause)}`, { cause })
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new UserError(`Cannot read "${file}": ${whyUnreadable(cause)}`, { cause })
  }
}

function itemsOf(value: unknown, at: string): readonly Manifest[] {
  if (!isMapping(value)) {
    throw new UserError(`Cannot use ${at}: it is no object`, { hint: startHint })
  }
  const { apiVersion, kind, items } = value
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items)) {
    return items.flatMap((item: unknown, index) => itemsOf(item, `${at}, items[${index}]`))
  }
  if (typeof apiVersion !== 'string' || apiVersion === '') {
    throw new UserError(`Cannot use ${at}: it has no apiVersion`, { hint: startHint })
  }
  if (typeof kind !== 'string' || kind === '') {
    throw new UserError(`Cannot use ${at}: it has no kind`, { hint: startHint })
  }
  const { metadata } = value
  if (!isMapping(metadata) || !(isName(metadata['name']) || isName(metadata['generateName']))) {
    throw new UserError(`Cannot use ${at}: the ${kind} has no metadata.name`)
  }
  return [{ ...value, apiVersion, kind, metadata }]
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}
