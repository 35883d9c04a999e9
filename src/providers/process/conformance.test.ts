// SPDX-License-Identifier: Apache-2.0
// The conformance kit, on real processes.
import { providerConformance } from '../../testing/provider-conformance.ts'
import type { Workload } from '../../testing/conformance-options.ts'
import { providerModule } from './provider.ts'

const shell = (script: string): Workload => ({
  container: { image: 'host', command: ['sh', '-c', script] },
})

providerConformance({
  name: 'process',
  open: (host) => providerModule.create({}, host),
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
