// SPDX-License-Identifier: Apache-2.0
// Facts about the machine this process runs on, for nodeInfo. Each is a string and always there: what
// cannot be read is empty, as in the kubelet, for consumers of the API expect all of them.
import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { join } from 'node:path'

/** nodeInfo, as far as it is about a machine. */
export interface MachineInfo {
  readonly machineID: string
  readonly systemUUID: string
  readonly bootID: string
  readonly kernelVersion: string
  readonly osImage: string
  /** In Go's words: amd64, arm64. */
  readonly architecture: string
}

export interface MachineOptions {
  /** Root of the file system that is read; default /. */
  readonly root?: string
  readonly platform?: NodeJS.Platform
  readonly arch?: string
}

const goArchitectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  loong64: 'loong64',
  ppc64: 'ppc64le',
}

/** Reads the machine's facts; never fails. */
export async function readMachineInfo(options: MachineOptions = {}): Promise<MachineInfo> {
  const { root = '/', platform = process.platform, arch = process.arch } = options
  const first = async (...paths: readonly string[]): Promise<string> => {
    for (const path of paths) {
      const text = await readText(join(root, path))
      if (text !== '') return text
    }
    return ''
  }
  const machineID = await first('etc/machine-id', 'var/lib/dbus/machine-id')
  const uuidPaths = ['sys/class/dmi/id/product_uuid', 'proc/device-tree/vm,uuid']
  return {
    machineID,
    systemUUID: (await first(...uuidPaths)) || machineID,
    bootID: await first('proc/sys/kernel/random/boot_id'),
    kernelVersion: (await first('proc/sys/kernel/osrelease')) || release(),
    osImage: osImageOf(await first('etc/os-release', 'usr/lib/os-release')) || platform,
    architecture: goArchitectures[arch] ?? arch,
  }
}

/** PRETTY_NAME, else NAME and VERSION, of an os-release file. */
function osImageOf(osRelease: string): string {
  const values = new Map<string, string>()
  for (const line of osRelease.split('\n')) {
    const [, key, quoted, bare] = /^\s*([A-Z_]+)=(?:["'](.*)["']|(.*?))\s*$/.exec(line) ?? []
    if (key !== undefined) values.set(key, (quoted ?? bare ?? '').replaceAll(/\\(["'$`\\])/g, '$1'))
  }
  const pretty = values.get('PRETTY_NAME')
  if (pretty) return pretty
  return `${values.get('NAME') ?? ''} ${values.get('VERSION') ?? ''}`.trim()
}

async function readText(path: string): Promise<string> {
  try {
    // Files of a device tree end with a zero byte.
    return (await readFile(path, 'utf8')).replaceAll('\0', '').trim()
  } catch {
    // Not on this system, or for root only.
    return ''
  }
}
