// SPDX-License-Identifier: Apache-2.0
// The conformance kit, on real processes: among the host's, and where bubblewrap works in sandboxes.
import { dirname } from 'node:path'
import { freePort } from '../../testing/free-port.ts'
import { providerConformance } from '../../testing/provider-conformance.ts'
import type { Workload } from '../../testing/conformance-options.ts'
import { findHostTools } from './host-tools.ts'
import { bubblewrapProblem } from './isolation/bubblewrap.ts'
import { providerModule } from './provider.ts'

const shell = (script: string): Workload => ({
  container: { image: 'host', command: ['sh', '-c', script] },
})

const modes = bubblewrapProblem(findHostTools()) === undefined ? ['none', 'bubblewrap'] : ['none']

const visibleHostPaths = [dirname(process.execPath)]

const echoServer = `
  const { createServer } = require('node:net')
  const serve = (socket) => socket.on('error', () => {}).pipe(socket)
  createServer({ allowHalfOpen: true }, serve).listen(process.argv[1], '127.0.0.1')
`

/** By listening it says that it ignores the request to end. */
const stubbornServer = `
  process.on('SIGTERM', () => {})
  require('node:net').createServer().listen(process.argv[1], '127.0.0.1')
`
const port = await freePort()

for (const isolation of modes) {
  providerConformance({
    name: `process (isolation: ${isolation})`,
    // A sandbox shows no /tmp, /home or /root, where this program may lie.
    open: (host) => providerModule.create({ isolation, visibleHostPaths }, host),
    workloads: {
      running: () => shell('exec sleep 600'),
      exiting: ({ exitCode }) => shell(`exit ${exitCode}`),
      printing: (lines) => ({
        container: {
          image: 'host',
          command: ['sh', '-c', 'printf "%s\\n" "$@"; exec sleep 600', 'sh', ...lines],
        },
      }),
      shell: (script) => ['sh', '-c', script],
      echoing: () => ({
        container: { image: 'host', command: ['cat'], stdin: true },
      }),
      listening: (port) => ({
        container: { image: 'host', command: [process.execPath, '-e', echoServer, String(port)] },
      }),
      stubborn: () => ({
        container: {
          image: 'host',
          command: [process.execPath, '-e', stubbornServer, String(port)],
          readinessProbe: { tcpSocket: { port }, periodSeconds: 1, timeoutSeconds: 60 },
        },
      }),
    },
  })
}
