#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The installed command. Written in the oldest JavaScript that still matters, so that an old Node
// prints one line about the version it lacks instead of a syntax error.
var major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  console.error(
    'virtual-kubelet needs Node.js 24 or newer; this is ' +
      process.versions.node +
      '. Install it, or run: npx -p node@24 -p virtual-kubelet virtual-kubelet',
  )
  process.exit(2)
}
void import('../dist/cli/main.js').catch(function (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || !/dist.cli.main\.js'/.test(error.message))
    throw error
  console.error(
    'virtual-kubelet is not built here. Run: npm run build (or, from source: npm run vk --)',
  )
  process.exit(2)
})
