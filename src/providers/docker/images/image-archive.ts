// SPDX-License-Identifier: Apache-2.0
// An image as the archive that `docker load` takes. The same files give the same bytes and so the same
// image id, on every machine: an image that is there already is known by its id alone.
import { createHash } from 'node:crypto'
import { tarArchive, type TarEntry } from '../tar-archive.ts'

export interface ImageContent {
  /** The name it is given, with a tag. */
  readonly reference: string
  readonly architecture: string
  /** Entrypoint, Cmd, Env, User and so on, as in an image's configuration. */
  readonly config: object
  readonly files: readonly TarEntry[]
}

export interface ImageArchive {
  /** `sha256:…`, as the engine will call it. */
  readonly id: string
  readonly bytes: Buffer
}

const epoch = '1970-01-01T00:00:00Z'

/** Makes an image of one layer. */
export function imageArchive({
  reference,
  architecture,
  config,
  files,
}: ImageContent): ImageArchive {
  const layer = tarArchive(files)
  const configuration = Buffer.from(
    JSON.stringify({
      architecture,
      os: 'linux',
      created: epoch,
      config,
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
      history: [{ created: epoch, created_by: 'virtual-kubelet' }],
    }),
  )
  const id = sha256(configuration)
  const manifest = [{ Config: `${id}.json`, RepoTags: [reference], Layers: ['layer.tar'] }]
  const bytes = tarArchive([
    { path: `${id}.json`, mode: 0o644, content: configuration },
    { path: 'layer.tar', mode: 0o644, content: layer },
    { path: 'manifest.json', mode: 0o644, content: Buffer.from(JSON.stringify(manifest)) },
  ])
  return { id: `sha256:${id}`, bytes }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
