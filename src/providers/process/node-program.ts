// SPDX-License-Identifier: Apache-2.0
// The program step for what a shell cannot hand on: variables such as `app.conf`, which no shell
// exports, or a change of user where setpriv is missing. Costs a start of Node.js (some 40 ms) and is
// gone by exec, like the shell.

// The lowest free descriptor is 0.
const openInput = `fs.openSync(hasInput ? '/proc/self/fd/4' : '/dev/null', 'r')
if (hasInput) fs.closeSync(4)`

/**
 * Run by `node -e`; reads JSON from the descriptor. Node ignores SIGPIPE and SIGXFSZ, which outlasts an
 * exec: GNU env undoes that where there is one.
 */
export function nodeProgramScript(descriptor: 0 | 3): string {
  return `
const fs = require('node:fs'), path = require('node:path')
const { argv, workingDir, env, user, envTool, hasInput } = JSON.parse(fs.readFileSync(${descriptor}, 'utf8'))
const fail = (code, why) => { fs.writeSync(2, why + '\\n'); process.exit(code) }
if (user) {
  process.setgroups(user.supplementalGroups)
  process.setgid(user.gid)
  process.setuid(user.uid)
}
try { process.chdir(workingDir) } catch (error) { fail(126, 'chdir: ' + error.message) }
fs.closeSync(${descriptor})
${descriptor === 0 ? openInput : ''}
const isFile = (file) => { try { fs.accessSync(file, 1); return fs.statSync(file).isFile() } catch { return false } }
const [name] = argv
const found = name.includes('/')
  ? path.resolve(name)
  : (env.PATH ?? '').split(':').map((dir) => path.resolve(dir, name)).find(isFile)
if (!found) fail(127, name + ': not found')
if (envTool) process.execve(envTool, ['env', '--default-signal=PIPE,XFSZ', found, ...argv.slice(1)], env)
process.execve(found, argv, env)
`
}
