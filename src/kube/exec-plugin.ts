// SPDX-License-Identifier: Apache-2.0
// Runs a credential plugin (client.authentication.k8s.io) and reads its answer.
import * as v from 'valibot'
import { runBounded, type ProgramEnd } from '../util/bounded-program.ts'
import type { Clock } from '../util/clock.ts'
import { VkError } from '../util/vk-error.ts'
import type { Identity } from './credentials.ts'

/** How to run a plugin. */
export interface ExecPlugin {
  readonly apiVersion: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
  /** How to install it, in the words of the kubeconfig. */
  readonly installHint?: string
  /** What the plugin is told of the cluster, when it wants to know. */
  readonly cluster?: object
}

/** What a plugin said. */
export interface PluginAnswer {
  readonly identity: Identity
  /** Infinity when the plugin set no limit. */
  readonly expiresMs: number
  readonly lifeMs: number
}

const timeoutMs = 60_000
const maxOutputBytes = 1024 * 1024

const answerSchema = v.object({
  apiVersion: v.string(),
  kind: v.literal('ExecCredential'),
  status: v.object({
    token: v.nullish(v.string()),
    clientCertificateData: v.nullish(v.string()),
    clientKeyData: v.nullish(v.string()),
    expirationTimestamp: v.nullish(v.string()),
  }),
})

/** Runs the plugin once; throws a VkError that says what to do about it. */
export async function runExecPlugin(plugin: ExecPlugin, clock: Clock): Promise<PluginAnswer> {
  const nowMs = clock.nowMs()
  const output = await outputOf(plugin, clock)
  const { apiVersion, status } = parse(plugin, output)
  if (apiVersion !== plugin.apiVersion) {
    throw failure(plugin, `it answered in "${apiVersion}" instead of "${plugin.apiVersion}"`)
  }
  const { token, clientCertificateData, clientKeyData, expirationTimestamp } = status
  const hasCertificate = Boolean(clientCertificateData) && Boolean(clientKeyData)
  if (!token && !hasCertificate) {
    throw failure(plugin, 'it gave neither a token nor a client certificate with its key')
  }
  const expiresMs = expirationTimestamp ? Date.parse(expirationTimestamp) : Infinity
  if (Number.isNaN(expiresMs)) throw failure(plugin, 'its expirationTimestamp is no timestamp')
  const identity: Identity = {
    ...(token && { token }),
    ...(clientCertificateData &&
      clientKeyData && {
        certificate: { certificatePem: clientCertificateData, keyPem: clientKeyData },
      }),
  }
  return { identity, expiresMs, lifeMs: expiresMs - nowMs }
}

async function outputOf(plugin: ExecPlugin, clock: Clock): Promise<string> {
  const { apiVersion, command, args, env, cluster } = plugin
  const spec = { interactive: false, ...(cluster && { cluster }) }
  const info = JSON.stringify({ apiVersion, kind: 'ExecCredential', spec })
  const limits = { clock, timeoutMs, maxOutputBytes }
  let end: ProgramEnd
  try {
    end = await runBounded({
      file: command,
      args,
      env: { ...env, KUBERNETES_EXEC_INFO: info },
      ...limits,
    })
  } catch (error) {
    throw failure(plugin, whyNotStarted(error))
  }
  if (end.kind === 'exited' && end.code === 0) return end.stdout
  throw failure(plugin, whyItFailed(end))
}

// The system's error repeats the command line, which may not be passed on whole.
function whyNotStarted(error: unknown): string {
  if (error instanceof VkError) return error.message
  const { code } = error as { readonly code?: string }
  if (code === 'ENOENT') return 'there is no such command'
  if (code === 'EACCES') return 'it may not be executed'
  return `it could not be started: ${code ?? 'an error'}`
}

// Of what it has said only the end is for people; the rest may be a credential.
function whyItFailed(end: ProgramEnd): string {
  if (end.kind === 'late') return `it did not end within ${timeoutMs / 1000} s`
  if (end.kind === 'too long') return `it said more than ${maxOutputBytes / 1024} KiB`
  const lastLine = end.stderr.trim().split('\n').at(-1)?.slice(0, 300)
  return `it ended with ${end.code ?? 'a signal'}${lastLine ? `: ${lastLine}` : ''}`
}

function parse(plugin: ExecPlugin, output: string): v.InferOutput<typeof answerSchema> {
  let value: unknown
  try {
    value = JSON.parse(output)
  } catch {
    // The parser's message would quote the output, which holds the token.
    throw failure(plugin, 'its output is no JSON')
  }
  const result = v.safeParse(answerSchema, value)
  if (result.success) return result.output
  const path = (result.issues[0].path ?? []).map(({ key }) => String(key)).join('.')
  throw failure(plugin, `its output is no ExecCredential${path === '' ? '' : ` (at ${path})`}`)
}

function failure({ command, installHint }: ExecPlugin, why: string): VkError {
  const hint = installHint ? `; ${installHint.replaceAll(/\s*\n\s*/g, ' ').trim()}` : ''
  return new VkError(
    'Unauthorized',
    `Cannot get credentials from plugin "${command}": ${why}${hint}`,
  )
}
