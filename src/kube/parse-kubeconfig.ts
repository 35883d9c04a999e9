// SPDX-License-Identifier: Apache-2.0
// The text of a kubeconfig, checked. What is none is told by what it is instead: somebody has named the
// wrong file. Errors quote no content, which may be keys and tokens.
import * as v from 'valibot'
import { parseDocument } from 'yaml'
import { UserError } from '../util/vk-error.ts'
import { kubeconfigSchema } from './kubeconfig-schema.ts'
import type { KubeconfigFile } from './kubeconfig-schema.ts'

const otherFile =
  'name another file with --kubeconfig or KUBECONFIG; a kubeconfig looks like the output of: kubectl config view'

/** What the text holds; throws a UserError that names the file. An empty file is an empty kubeconfig. */
export function parseKubeconfig(content: string, file: string): KubeconfigFile {
  const value = parseYaml(content, file)
  const instead = insteadOf(value)
  if (instead !== undefined) {
    throw new UserError(`Cannot use "${file}" as kubeconfig: ${instead}`, { hint: otherFile })
  }
  const result = v.safeParse(kubeconfigSchema, value ?? {})
  if (result.success) return result.output
  const [issue] = result.issues
  const path = (issue.path ?? []).map(({ key }) => String(key)).join('.')
  throw new UserError(
    `Cannot read kubeconfig "${file}": ${path} must be ${issue.expected ?? issue.type}`,
    { hint: 'compare it with the output of: kubectl config view' },
  )
}

function parseYaml(content: string, file: string): unknown {
  // Messages of the parser show the text around the mistake, so only its place is passed on.
  const document = parseDocument(content, { prettyErrors: false })
  const [error] = document.errors
  if (!error) return document.toJS()
  if (error.code === 'MULTIPLE_DOCS') {
    const instead = 'it holds several YAML documents'
    throw new UserError(`Cannot use "${file}" as kubeconfig: ${instead}`, { hint: otherFile })
  }
  const line = content.slice(0, error.pos[0]).split('\n').length
  throw new UserError(`Cannot read kubeconfig "${file}": line ${line} is no YAML (${error.code})`, {
    hint: otherFile,
  })
}

const parts = ['clusters', 'contexts', 'users', 'current-context']

/** What the file holds that makes it none; undefined for a kubeconfig, whole or not. */
function insteadOf(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined
  if (Array.isArray(value)) return 'it holds a list'
  if (typeof value !== 'object') return 'it holds plain text'
  if (parts.some((part) => part in value)) return undefined
  const { kind } = value as { readonly kind?: unknown }
  if (kind === 'Config') return undefined
  // Whatever else stands there may be a secret.
  const isName = typeof kind === 'string' && /^[A-Z][A-Za-z]{1,40}$/.test(kind)
  return isName
    ? `it describes an object of kind ${kind}`
    : `it holds none of ${parts.slice(0, 3).join(', ')}`
}
