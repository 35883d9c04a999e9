// SPDX-License-Identifier: Apache-2.0
// The conformance kit, on real processes: among the host's, and where bubblewrap works in sandboxes.
import { providerConformance } from '../../testing/provider-conformance.ts'
import type { Workload } from '../../testing/conformance-options.ts'
import { findHostTools } from './host-tools.ts'
import { bubblewrapProblem } from './isolation/bubblewrap.ts'
import { providerModule } from './provider.ts'

const shell = (script: string): Workload => ({
  container: { image: 'host', command: ['sh', '-c', script] },
})

const modes = bubblewrapProblem(findHostTools()) === undefined ? ['none', 'bubblewrap'] : ['none']

for (const isolation of modes) {
  providerConformance({
    name: `process (isolation: ${isolation})`,
    open: (host) => providerModule.create({ isolation }, host),
    workloads: {
      running: () => shell('exec sleep 600'),
      exiting: ({ exitCode }) => shell(`exit ${exitCode}`),
      printing: (lines) => ({
        container: {
          image: 'host',
          command: ['sh', '-c', 'printf "%s\\n" "$@"; exec sleep 600', 'sh', ...lines],
        },
      }),
      stubborn: () => shell('trap "" TERM; while :; do sleep 1; done'),
    },
  })
}
