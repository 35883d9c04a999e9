// SPDX-License-Identifier: Apache-2.0
// The parts of a kubeconfig that we read, checked once when the file is read. Everything else in the
// file is left alone, as kubectl does.
import * as v from 'valibot'

// YAML has null for `key:` without a value; kubectl takes it as absent.
type Maybe<T> = T | null | undefined

export interface KubeconfigCluster {
  readonly server?: Maybe<string>
  readonly 'certificate-authority'?: Maybe<string>
  readonly 'certificate-authority-data'?: Maybe<string>
  readonly 'insecure-skip-tls-verify'?: Maybe<boolean>
  readonly 'tls-server-name'?: Maybe<string>
  readonly 'proxy-url'?: Maybe<string>
  readonly extensions?: Maybe<readonly { readonly name: string; readonly extension?: unknown }[]>
}

export interface KubeconfigExec {
  readonly apiVersion: string
  readonly command: string
  readonly args?: Maybe<readonly string[]>
  readonly env?: Maybe<readonly { readonly name: string; readonly value: string }[]>
  readonly installHint?: Maybe<string>
  readonly provideClusterInfo?: Maybe<boolean>
  readonly interactiveMode?: Maybe<'Never' | 'IfAvailable' | 'Always'>
}

export interface KubeconfigUser {
  readonly 'client-certificate'?: Maybe<string>
  readonly 'client-certificate-data'?: Maybe<string>
  readonly 'client-key'?: Maybe<string>
  readonly 'client-key-data'?: Maybe<string>
  readonly token?: Maybe<string>
  readonly tokenFile?: Maybe<string>
  readonly username?: Maybe<string>
  readonly password?: Maybe<string>
  readonly as?: Maybe<string>
  readonly 'as-uid'?: Maybe<string>
  readonly 'as-groups'?: Maybe<readonly string[]>
  readonly 'as-user-extra'?: Maybe<Readonly<Record<string, readonly string[]>>>
  readonly exec?: Maybe<KubeconfigExec>
  readonly 'auth-provider'?: Maybe<{ readonly name?: Maybe<string> }>
}

export interface KubeconfigContext {
  readonly cluster: string
  readonly user?: Maybe<string>
  readonly namespace?: Maybe<string>
}

/** A kubeconfig file. */
export interface KubeconfigFile {
  readonly 'current-context'?: Maybe<string>
  readonly clusters?: Maybe<
    readonly { readonly name: string; readonly cluster: KubeconfigCluster }[]
  >
  readonly users?: Maybe<
    readonly { readonly name: string; readonly user?: Maybe<KubeconfigUser> }[]
  >
  readonly contexts?: Maybe<
    readonly { readonly name: string; readonly context: KubeconfigContext }[]
  >
}

const text = v.string()
const maybeText = v.nullish(text)

const cluster = v.object({
  server: maybeText,
  'certificate-authority': maybeText,
  'certificate-authority-data': maybeText,
  'insecure-skip-tls-verify': v.nullish(v.boolean()),
  'tls-server-name': maybeText,
  'proxy-url': maybeText,
  extensions: v.nullish(v.array(v.object({ name: text, extension: v.unknown() }))),
})

const exec = v.object({
  apiVersion: text,
  command: text,
  args: v.nullish(v.array(text)),
  env: v.nullish(v.array(v.object({ name: text, value: text }))),
  installHint: maybeText,
  provideClusterInfo: v.nullish(v.boolean()),
  interactiveMode: v.nullish(v.picklist(['Never', 'IfAvailable', 'Always'])),
})

const user = v.object({
  'client-certificate': maybeText,
  'client-certificate-data': maybeText,
  'client-key': maybeText,
  'client-key-data': maybeText,
  token: maybeText,
  tokenFile: maybeText,
  username: maybeText,
  password: maybeText,
  as: maybeText,
  'as-uid': maybeText,
  'as-groups': v.nullish(v.array(text)),
  'as-user-extra': v.nullish(v.record(text, v.array(text))),
  exec: v.nullish(exec),
  'auth-provider': v.nullish(v.object({ name: maybeText })),
})

const context = v.object({ cluster: text, user: maybeText, namespace: maybeText })

/** Checks the content of a kubeconfig file. */
export const kubeconfigSchema: v.GenericSchema<unknown, KubeconfigFile> = v.object({
  'current-context': maybeText,
  clusters: v.nullish(v.array(v.object({ name: text, cluster }))),
  users: v.nullish(v.array(v.object({ name: text, user: v.nullish(user) }))),
  contexts: v.nullish(v.array(v.object({ name: text, context }))),
})
