// SPDX-License-Identifier: Apache-2.0
// Pages that are written by hand but for some parts. Those stand between `<!-- generated: NAME -->` and
// `<!-- end -->`.

/** The page with each such part as `parts` makes it now. */
export function fillParts(page: string, parts: Readonly<Record<string, () => string>>): string {
  return page.replaceAll(
    /(<!-- generated: ([\w-]+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, start: string, name: string, end: string) => {
      const part = parts[name]
      if (part === undefined) throw new Error(`Cannot generate '${name}': there is no such part`)
      return `${start}${part()}\n${end}`
    },
  )
}
