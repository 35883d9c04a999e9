// SPDX-License-Identifier: Apache-2.0
// Routes of a kubelet that exist only to say no: profiles, node logs unless they are asked for, and, with the debugging handlers
// switched off, all that looks into a pod.
import type { Route, RouteMethod } from '../router.ts'
import { sendText } from '../text-response.ts'

const anyMethod: readonly RouteMethod[] = ['GET', 'POST', 'PUT']

/** 405 for node logs where they are off. */
export function nodeLogsOffRoutes(): readonly Route[] {
  return refused(['/logs', '/logs/*'], 'logs endpoint is disabled.')
}

/** 405 for what this kubelet never serves, in the words of one where it is switched off. */
export function switchedOffRoutes(): readonly Route[] {
  return [
    ...refused(['/debug/pprof', '/debug/pprof/*'], 'profiling endpoint is disabled.'),
    ...refused(['/debug/flags/v'], 'flags endpoint is disabled.'),
  ]
}

/** 405 for everything that the debugging handlers would serve. */
export function debuggingOffRoutes(): readonly Route[] {
  const names = 'run exec attach portForward containerLogs runningpods debug/pprof logs'.split(' ')
  const paths = names.flatMap((name) => [`/${name}`, `/${name}/*`])
  return refused(paths, 'Debug endpoints are disabled.')
}

function refused(paths: readonly string[], text: string): readonly Route[] {
  return paths.map((path) => ({
    methods: anyMethod,
    path,
    handle: ({ response }) => sendText(response, { status: 405, text }),
  }))
}
