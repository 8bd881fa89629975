/** Makes the files of the page out of its sources: one script, one style sheet, one document, the first two under names that change with them. */

import { readFile } from 'node:fs/promises'

export interface BuiltFile {
  readonly name: string
  readonly data: Buffer
}

/** @param folder of the sources, with a slash at its end. Needs esbuild, which only a checkout has. */
export async function bundlePage(folder: string): Promise<BuiltFile[]> {
  const { build } = await import('esbuild')
  const { outputFiles } = await build({
    entryPoints: [`${folder}page.tsx`, `${folder}page.css`],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    charset: 'utf8',
    legalComments: 'none',
    entryNames: '[name].[hash]',
    outdir: folder,
    write: false,
    logLevel: 'silent',
  })
  const files = outputFiles.map(({ path, contents }) => ({ name: path.split(/[\\/]/).at(-1) ?? '', data: Buffer.from(contents) }))
  let html = await readFile(`${folder}index.html`, 'utf8')
  for (const { name } of files) html = html.replace(name.replace(/\.\w+(\.\w+)$/, '$1'), name)
  return [{ name: 'index.html', data: Buffer.from(html) }, ...files]
}
