// SPDX-License-Identifier: Apache-2.0
// Which rights open which path: the subresources of `nodes` that are tried in order, and the verb.
const bySegment: Readonly<Record<string, readonly string[]>> = {
  stats: ['stats'],
  metrics: ['metrics'],
  logs: ['log'],
  checkpoint: ['checkpoint'],
  statusz: ['statusz'],
  flagz: ['configz'],
  pods: ['pods', 'proxy'],
  runningpods: ['pods', 'proxy'],
  healthz: ['healthz', 'proxy'],
  configz: ['configz', 'proxy'],
}

/** Rights for these open everything below them; the others are whole paths. */
const prefixes = new Set(['stats', 'metrics', 'logs', 'checkpoint', 'healthz'])

/** The subresources of `nodes` of which any one opens `path`; whole path segments count. */
export function subresourcesOf(path: string): readonly string[] {
  const [first = '', ...rest] = path.split('/').filter((segment) => segment !== '')
  const found = Object.hasOwn(bySegment, first) ? bySegment[first] : undefined
  if (!found || (rest.length > 0 && !prefixes.has(first))) return ['proxy']
  return found
}

const verbs: Readonly<Record<string, string>> = {
  GET: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}

/** The verb that a request method stands for; empty for methods that stand for none. */
export function verbOf(method: string | undefined): string {
  return (method !== undefined && Object.hasOwn(verbs, method) && verbs[method]) || ''
}
