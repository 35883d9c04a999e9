// SPDX-License-Identifier: Apache-2.0
// Names of images as Docker's distribution defines them: a registry, a repository, a tag, a digest. What is
// left out is what Docker means by it: docker.io, library/, :latest.

export interface ImageReference {
  /** Host of the registry, with its port. */
  readonly registry: string
  /** Path in it. */
  readonly repository: string
  readonly tag?: string
  readonly digest?: string
}

const alphanumeric = '[a-z0-9]+'
const component = `${alphanumeric}(?:(?:\\.|_|__|-+)${alphanumeric})*`
const hostPart = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const host = `(?:${hostPart}(?:\\.${hostPart})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`
const syntax = new RegExp(
  `^(?:(?<registry>${host})/)?(?<path>${component}(?:/${component})*)` +
    '(?::(?<tag>[A-Za-z0-9_][\\w.-]{0,127}))?' +
    '(?:@(?<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$',
)
const maxNameLength = 255
const defaultRegistry = 'docker.io'

/** Reads a name; undefined for one that is no name of an image. */
export function parseImageReference(text: string): ImageReference | undefined {
  const whole = syntax.exec(text)?.groups
  if (!whole) return undefined
  const { registry, path = '', tag, digest } = whole
  if ((registry?.length ?? 0) + path.length > maxNameLength) return undefined
  const name = nameOf(registry, path)
  const version = { ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) }
  return tag === undefined && digest === undefined
    ? { ...name, tag: 'latest' }
    : { ...name, ...version }
}

/** In full, as registries are asked for it. */
export function fullName({ registry, repository, tag, digest }: ImageReference): string {
  const version = `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`
  return `${registry}/${repository}${version}`
}

/** As written, with the tag that is meant where none is. */
export function withDefaultTag(text: string, { tag }: ImageReference): string {
  const end = text.slice(text.lastIndexOf('/') + 1)
  return tag === 'latest' && !end.includes(':') && !end.includes('@') ? `${text}:latest` : text
}

/** A first part that looks like no host is a part of the path: `library/busybox`. */
function nameOf(
  first: string | undefined,
  path: string,
): Pick<ImageReference, 'registry' | 'repository'> {
  const isHost = first !== undefined && (/[.:A-Z]/.test(first) || first === 'localhost')
  const repository = first === undefined || isHost ? path : `${first}/${path}`
  const registry = isHost ? first : defaultRegistry
  if (registry !== defaultRegistry && registry !== 'index.docker.io')
    return { registry, repository }
  const isOfficial = !repository.includes('/')
  return {
    registry: defaultRegistry,
    repository: isOfficial ? `library/${repository}` : repository,
  }
}
