// SPDX-License-Identifier: Apache-2.0
// What Docker's command line keeps in its folder (~/.docker, DOCKER_CONFIG): the current context, where the
// contexts lead, headers, credentials for registries. Read as it is; nothing is written.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '../../../util/vk-error.ts'

/** Files in PEM; what is left out is the system's. */
export interface TlsFiles {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

interface DockerContext {
  readonly host: string
  readonly tls?: TlsFiles
}

/** What is of use here; everything is empty where there is no such folder. */
export interface DockerCli {
  readonly currentContext?: string
  readonly headers: Readonly<Record<string, string>>
  /** The file as it is, for credentials (images/registry-credentials.ts). */
  readonly config: unknown
  /** UserError when there is no context of that name. */
  readContext(name: string): Promise<DockerContext>
}

/** Reads the folder's config.json. */
export async function readDockerCli(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<DockerCli> {
  const folder = environment['DOCKER_CONFIG'] || join(environment['HOME'] ?? homedir(), '.docker')
  const config = (await readJson(join(folder, 'config.json'))) ?? {}
  const { currentContext, HttpHeaders } = config as Record<string, unknown>
  return {
    config,
    headers: isStringRecord(HttpHeaders) ? HttpHeaders : {},
    ...(typeof currentContext === 'string' && currentContext !== '' && { currentContext }),
    readContext: (name) => readContext(folder, name),
  }
}

async function readContext(folder: string, name: string): Promise<DockerContext> {
  const id = createHash('sha256').update(name).digest('hex')
  const meta = await readJson(join(folder, 'contexts', 'meta', id, 'meta.json'))
  const { Endpoints } = (meta ?? {}) as { Endpoints?: { docker?: Record<string, unknown> } }
  const host = Endpoints?.docker?.['Host']
  if (typeof host !== 'string' || host === '') {
    throw new UserError(`Cannot use Docker's context "${name}": ${folder} has none of that name`, {
      hint: 'docker context ls lists them; "default" means no context.',
    })
  }
  if (Endpoints?.docker?.['SkipTLSVerify'] === true) {
    throw new UserError(
      `Cannot use Docker's context "${name}": it does not verify the engine's certificate`,
      { hint: "Give the context the CA's certificate instead (docker context update)." },
    )
  }
  const tlsFolder = join(folder, 'contexts', 'tls', id, 'docker')
  const files = ['ca', 'cert', 'key'].flatMap((file) => {
    const path = join(tlsFolder, `${file}.pem`)
    return existsSync(path) ? [[file, path]] : []
  })
  return files.length === 0 ? { host } : { host, tls: Object.fromEntries(files) as TlsFiles }
}

async function readJson(path: string): Promise<object | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch {
    // No such file, or none that we may read: as if there were none.
    return undefined
  }
  try {
    const json: unknown = JSON.parse(text)
    if (typeof json === 'object' && json !== null) return json
  } catch {
    // Told below.
  }
  throw new UserError(`Cannot read "${path}": it is no JSON object`)
}

function isStringRecord(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).every((entry) => typeof entry === 'string')
}
