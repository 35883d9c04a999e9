// SPDX-License-Identifier: Apache-2.0
import { providerConformance } from '../../testing/provider-conformance.ts'
import { providerModule } from './provider.ts'

const annotate = (settings: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`mock.virtual-kubelet.io/${name}`, value]),
  )

providerConformance({
  name: 'mock',
  open: (host) => providerModule.create({}, host),
  workloads: {
    running: () => ({ container: {} }),
    exiting: ({ exitCode }) => ({
      container: {},
      annotations: annotate({ 'run-time': '20ms', 'exit-code': String(exitCode) }),
    }),
    stubborn: () => ({ container: {}, annotations: annotate({ 'stop-delay': '1h' }) }),
  },
})
