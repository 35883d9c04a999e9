// SPDX-License-Identifier: Apache-2.0
// What the kubelet is and how it is set up, for people who look for the cause of something: /configz,
// /flagz and /statusz. All three tell only what they were given, which holds names of files and no
// content of any.
import { processStartSeconds } from '../metrics/process-families.ts'
import type { Route, RouteCall } from '../router.ts'
import { sendBody, sendText } from '../text-response.ts'
import { wireTime } from '../../util/wire-time.ts'

/** What is told of this kubelet. */
export interface KubeletAbout {
  /** Such as `v1.36.3-vk-0.1.0`. */
  readonly version: string
  /** KubeletConfiguration, kubelet.config.k8s.io/v1beta1; without secrets. */
  readonly configuration: object
  /** Flags by name with their values; without secrets. */
  readonly flags: Readonly<Record<string, string>>
}

/** `/configz`, `/flagz` and `/statusz`; `paths` are those of all routes. */
export function aboutRoutes(about: KubeletAbout, paths: readonly string[]): readonly Route[] {
  const { configuration, flags } = about
  const statusz = { ...about, paths: foldersOf([...paths, '/configz', '/flagz', '/statusz']) }
  return [
    {
      methods: ['GET'],
      path: '/configz',
      handle({ response }) {
        const body = JSON.stringify({ kubeletconfig: configuration })
        sendBody(response, body, { contentType: 'application/json' })
      },
    },
    zpage('Flagz', () => ({ text: flagLines(flags), content: { flags } })),
    zpage('Statusz', () => statuszPage(statusz)),
  ]
}

interface Page {
  readonly text: string
  /** The same in the structured form. */
  readonly content: object
}

const versions = ['v1beta1', 'v1alpha1']

/** A page that is text unless the caller names the structured form. */
function zpage(kind: 'Flagz' | 'Statusz', read: () => Page): Route {
  const name = kind.toLowerCase()
  return {
    methods: ['GET'],
    path: `/${name}`,
    handle(call) {
      const form = formOf(call, kind)
      const { content, text } = read()
      if (form === 'text') {
        return sendText(call.response, { status: 200, text: heading(name) + text })
      }
      if (form === undefined) {
        return sendText(call.response, { status: 406, text: 'Not Acceptable' })
      }
      const object = {
        kind,
        apiVersion: `config.k8s.io/${form}`,
        metadata: { name: 'kubelet' },
        ...content,
      }
      sendBody(call.response, JSON.stringify(object), { contentType: 'application/json' })
    },
  }
}

/** `text`, the version of the structured form, or undefined when nothing of it is acceptable. */
function formOf({ request }: RouteCall, kind: string): string | undefined {
  const accept = (request.headers.accept ?? '').trim()
  if (accept === '') return 'text'
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    if (['text/plain', 'text/*', '*/*'].includes(type)) return 'text'
    if (type !== 'application/json' || !parameters.includes(`as=${kind}`)) continue
    if (!parameters.includes('g=config.k8s.io')) continue
    const version = versions.find((each) => parameters.includes(`v=${each}`))
    if (version !== undefined) return version
  }
  return undefined
}

function heading(name: string): string {
  return (
    `\nkubelet ${name}\nWarning: This endpoint is not meant to be machine parseable, ` +
    'has no formatting compatibility guarantees and is for debugging purposes only.\n'
  )
}

function flagLines(flags: Readonly<Record<string, string>>): string {
  const names = Object.keys(flags).sort()
  return names.map((name) => `${name}=${flags[name]}\n`).join('')
}

function statuszPage({
  paths,
  version,
}: {
  readonly paths: readonly string[]
  readonly version: string
}): Page {
  const startTime = wireTime(processStartSeconds * 1000)
  const uptimeSeconds = Math.floor(process.uptime())
  const goVersion = `none (Node.js ${process.version})`
  const lines = [
    ['Started', startTime],
    ['Up', uptimeText(uptimeSeconds)],
    ['Go version', goVersion],
    ['Binary version', version],
    ['Paths', paths.join(' ')],
  ]
  return {
    text: `\n${lines.map((line) => line.join(': ')).join('\n')}\n`,
    content: { startTime, uptimeSeconds, goVersion, binaryVersion: version, paths },
  }
}

function uptimeText(seconds: number): string {
  const pad = (value: number) => String(value).padStart(2, '0')
  const hours = Math.floor(seconds / 3600)
  return `${hours} hr ${pad(Math.floor(seconds / 60) % 60)} min ${pad(seconds % 60)} sec`
}

/** The first segments, each once. */
function foldersOf(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.map((path) => `/${path.split('/')[1] ?? ''}`))].sort()
}
