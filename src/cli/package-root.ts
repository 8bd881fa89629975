/** The folder of package.json: of the checkout, or of the installed package. What was built lies a folder deeper than its source. */
export const packageRoot = new URL(import.meta.url.endsWith('.ts') ? '../../' : '../../../', import.meta.url)
