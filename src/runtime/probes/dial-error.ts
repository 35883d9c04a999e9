// SPDX-License-Identifier: Apache-2.0
// Why a connection failed, in the words in which a kubelet's events say it: people and their tools
// search for them.
import { messageOf } from '../../util/vk-error.ts'
import { joinHostPort } from './resolve-port.ts'

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out',
  ECONNRESET: 'connection reset by peer',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
}

interface Target {
  readonly host: string
  readonly port: number
}

/** One line about an error of a socket. */
export function dialErrorText(error: unknown, { host, port }: Target): string {
  const first = error instanceof AggregateError ? error.errors[0] : error
  const {
    code = '',
    syscall,
    address = host,
  } = first as NodeJS.ErrnoException & {
    readonly address?: string
  }
  const what = words[code] ?? code
  if (syscall === 'getaddrinfo') return `dial tcp: lookup ${host}: no such host`
  if (syscall === 'connect') return `dial tcp ${joinHostPort(address, port)}: connect: ${what}`
  // Of Node's HTTP client: the server has closed the connection before it answered.
  if (syscall === undefined && code === 'ECONNRESET') return 'EOF'
  if (syscall === 'read') return `read tcp ${joinHostPort(host, port)}: read: ${what}`
  if (syscall === 'write') return `write tcp ${joinHostPort(host, port)}: write: ${what}`
  return messageOf(first)
}

/** The same for a connection that did not come about in time. */
export function dialTimeoutText({ host, port }: Target): string {
  return `dial tcp ${joinHostPort(host, port)}: i/o timeout`
}
