// SPDX-License-Identifier: Apache-2.0
// Credentials that the node itself has for registries: those of a Docker configuration file that the operator
// names, with its credential helpers. Every pod of the node may use them, so none are taken unasked.
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { RegistryCredential } from '../../../provider/provider.ts'
import { withPipes } from '../../../util/child-pipes.ts'
import { VkError } from '../../../util/vk-error.ts'

interface ConfigFile {
  readonly auths?: Readonly<
    Record<string, { readonly auth?: string; readonly identitytoken?: string }>
  >
  readonly credHelpers?: Readonly<Record<string, string>>
  readonly credsStore?: string
}

const helperTimeoutMs = 30_000
/** Docker's own registry goes by this name in its configuration. */
const defaultKey = 'https://index.docker.io/v1/'

/** What the file has for this registry; read afresh each time, so that a renewed login counts. */
export async function nodeCredentials(
  path: string | undefined,
  registry: string,
): Promise<readonly RegistryCredential[]> {
  if (path === undefined) return []
  const config = await readConfig(path)
  const keys = registry === 'docker.io' ? [defaultKey, registry] : [registry, `https://${registry}`]
  const helper = keys.map((key) => config.credHelpers?.[key]).find(Boolean) ?? config.credsStore
  if (helper) {
    const credential = await askHelper(helper, keys[0] ?? registry)
    if (credential) return [credential]
  }
  return keys.flatMap((key) => {
    const { auth = '', identitytoken } = config.auths?.[key] ?? {}
    const [username = '', ...rest] = Buffer.from(auth, 'base64').toString('utf8').split(':')
    if (username === '' && !identitytoken) return []
    const token = identitytoken ? { identityToken: identitytoken } : {}
    return [{ registry: key, username, password: rest.join(':'), ...token }]
  })
}

async function readConfig(path: string): Promise<ConfigFile> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ConfigFile
  } catch {
    // What JSON.parse has to say would quote the file.
    throw new VkError('Invalid', `the node's registryConfig "${path}" cannot be read as JSON`)
  }
}

/** Docker's protocol: the registry on standard input, the credential as JSON on standard output. */
async function askHelper(
  helper: string,
  registry: string,
): Promise<RegistryCredential | undefined> {
  const program = `docker-credential-${helper}`
  const text = await run(program, registry)
  if (text === undefined) return undefined
  try {
    const { Username, Secret } = JSON.parse(text) as { Username: string; Secret: string }
    return Username === '<token>'
      ? { registry, username: '', password: '', identityToken: Secret }
      : { registry, username: Username, password: Secret }
  } catch {
    throw new VkError('Unavailable', `${program} gave no credential that can be read`)
  }
}

/** Undefined when the helper has nothing for the registry. */
async function run(program: string, input: string): Promise<string | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>()
  const child = withPipes(
    spawn(program, ['get'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      // Not `timeout`: it goes on counting for a program that is not there, and keeps this process.
      signal: AbortSignal.timeout(helperTimeoutMs),
      killSignal: 'SIGKILL',
    }),
  )
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.on('error', (cause: NodeJS.ErrnoException) => {
    const why =
      cause.code === 'ABORT_ERR' ? `no answer for ${helperTimeoutMs / 1000} s` : cause.code
    reject(new VkError('Unavailable', `Cannot run ${program}: ${why}`, { cause }))
  })
  child.on('close', (code) => resolve(code === 0 ? output : undefined))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return await promise
}
