// SPDX-License-Identifier: Apache-2.0
// What of an image's name decides how it is pulled.

/** Whether a name without digest has the tag `latest`, said or implied. */
export function isLatestImage(image: string): boolean {
  if (image === '' || image.includes('@')) return false
  const lastPart = image.slice(image.lastIndexOf('/') + 1)
  const colon = lastPart.indexOf(':')
  return (colon === -1 || lastPart.slice(colon + 1) === 'latest') && isWellFormed(image)
}

/** A name that cannot be read has no tag at all. */
function isWellFormed(image: string): boolean {
  const path = image.replace(/:[\w][\w.-]{0,127}$/, '')
  const slash = path.indexOf('/')
  const first = slash === -1 ? '' : path.slice(0, slash)
  const isHost =
    first.includes('.') || first.includes(':') || first === 'localhost' || /[A-Z]/.test(first)
  const repository = isHost ? path.slice(slash + 1) : path
  return /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/.test(
    repository,
  )
}
