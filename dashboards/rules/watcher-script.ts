/**
 * Scripts of conditions, as far as they are one comparison, or several joined by `&&` and `||`, of values of the answer with numbers: read by an own small grammar, never
 * run. The two programs that Kibana's own form for threshold watches writes are known, too.
 */

export type ScriptOp = '>' | '>=' | '<' | '<=' | '==' | '!='

export type Script =
  | { readonly kind: 'number'; readonly value: number; readonly isWhole: boolean }
  /** `ctx.payload.hits.total` as its parts. */
  | { readonly kind: 'path'; readonly parts: readonly string[] }
  | { readonly kind: 'arithmetic'; readonly op: '+' | '-' | '*' | '/'; readonly left: Script; readonly right: Script }
  /** A cast to a decimal number. */
  | { readonly kind: 'decimal'; readonly of: Script }
  | { readonly kind: 'compare'; readonly op: ScriptOp; readonly left: Script; readonly right: Script }
  | { readonly kind: 'logic'; readonly op: 'and' | 'or'; readonly parts: readonly Script[] }
  /** Whether any bucket of a list fits. */
  | {
      readonly kind: 'some'
      readonly buckets: readonly string[]
      readonly inside: readonly string[]
      readonly op: ScriptOp
      readonly right: Script
    }

const longest = 4096
const deepest = 50

interface Token {
  readonly kind: 'number' | 'path' | 'sign' | 'end'
  readonly text: string
}

function tokensOf(text: string): readonly Token[] | undefined {
  const tokens: Token[] = []
  const part =
    /\s*(?:(\d+(?:\.\d+)?[LlDdFf]?)|([A-Za-z_][\w]*(?:\s*\.\s*[A-Za-z_0-9][\w]*|\s*\[\s*(?:'[^']{0,200}'|"[^"]{0,200}"|\d{1,6})\s*\])*)|(&&|\|\||>=|<=|==|!=|[-+*/()<>]))/gy
  let at = 0
  for (let found = part.exec(text); found !== null; found = part.exec(text)) {
    at = part.lastIndex
    if (found[1] !== undefined) tokens.push({ kind: 'number', text: found[1] })
    else if (found[2] !== undefined) tokens.push({ kind: 'path', text: found[2] })
    else tokens.push({ kind: 'sign', text: found[3] ?? '' })
  }
  if (text.slice(at).trim() !== '') return undefined
  tokens.push({ kind: 'end', text: '' })
  return tokens
}

const pathParts = (text: string): readonly string[] =>
  [...text.matchAll(/\[\s*(?:'([^']*)'|"([^"]*)"|(\d+))\s*\]|([A-Za-z_0-9]+)/g)].map(
    (found) => found[1] ?? found[2] ?? found[3] ?? found[4] ?? '',
  )

class Reader {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  get #next(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '' }
  }

  #take(...texts: readonly string[]): string | undefined {
    const { kind, text } = this.#next
    if (kind !== 'sign' || !texts.includes(text)) return undefined
    this.#at++
    return text
  }

  whole(): Script | undefined {
    const found = this.#either()
    return this.#next.kind === 'end' ? found : undefined
  }

  #either(): Script | undefined {
    if (++this.#depth > deepest) return undefined
    const parts = this.#list('||', () => this.#list('&&', () => this.#comparison(), 'and'), 'or')
    this.#depth--
    return parts
  }

  #list(sign: string, part: () => Script | undefined, op: 'and' | 'or'): Script | undefined {
    const parts: Script[] = []
    do {
      const one = part()
      if (one === undefined) return undefined
      parts.push(one)
    } while (this.#take(sign) !== undefined)
    return parts.length === 1 ? parts[0] : { kind: 'logic', op, parts }
  }

  #comparison(): Script | undefined {
    const left = this.#sum()
    const op = this.#take('>', '>=', '<', '<=', '==', '!=') as ScriptOp | undefined
    if (left === undefined || op === undefined) return left
    const right = this.#sum()
    return right === undefined ? undefined : { kind: 'compare', op, left, right }
  }

  #sum(): Script | undefined {
    return this.#chain(['+', '-'], () => this.#chain(['*', '/'], () => this.#atom()))
  }

  #chain(signs: readonly string[], part: () => Script | undefined): Script | undefined {
    let left = part()
    for (let op = this.#take(...signs); op !== undefined && left !== undefined; op = this.#take(...signs)) {
      const right = part()
      left = right === undefined ? undefined : { kind: 'arithmetic', op: op as '+', left, right }
    }
    return left
  }

  #atom(): Script | undefined {
    if (this.#take('-') !== undefined) {
      const found = this.#atom()
      return found?.kind === 'number' ? { ...found, value: -found.value } : undefined
    }
    if (this.#take('(') !== undefined) {
      if (this.#next.kind === 'path' && /^(double|float)$/.test(this.#next.text) && this.#tokens[this.#at + 1]?.text === ')') {
        this.#at += 2
        const of = this.#atom()
        return of === undefined ? undefined : { kind: 'decimal', of }
      }
      const inner = this.#either()
      return this.#take(')') === undefined ? undefined : inner
    }
    const { kind, text } = this.#next
    if (kind !== 'number' && kind !== 'path') return undefined
    this.#at++
    if (kind === 'path') return { kind: 'path', parts: pathParts(text) }
    return { kind: 'number', value: Number(text.replace(/[LlDdFf]$/, '')), isWhole: !/[.DdFf]/.test(text) }
  }
}

const expression = (text: string): Script | undefined => {
  const tokens = tokensOf(text)
  return tokens === undefined ? undefined : new Reader(tokens).whole()
}

/** A script; undefined: it is more than a comparison. */
export function readScript(source: string): Script | undefined {
  if (source.length > longest) return undefined
  const text = source
    .replace(/\/\/[^\n]*/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  const single = /^(?:return )?([^;{}]+?) ?;?$/.exec(text)
  if (single?.[1] !== undefined) return expression(single[1])
  const guarded = /^if ?\(([^;{}]+)\) ?\{ ?return true ?; ?\} ?(?:else ?\{ ?)?return false ?;? ?\}?$/.exec(text)
  if (guarded?.[1] !== undefined) return expression(guarded[1])
  const loop =
    /^(?:ArrayList|def|List) (\w{1,64}) ?= ?([\w.]{1,512}) ?; ?for ?\( ?(?:int|def) (\w{1,64}) ?= ?0 ?; ?\3 ?< ?\1\.(?:length|size\(\)) ?; ?\3\+\+ ?\) ?\{ ?if ?\( ?\1\[\3\]\.([\w.]{1,512}) ?(>=|<=|==|!=|>|<) ?([^;{}()]{1,512}) ?\) ?\{ ?return true ?; ?\} ?\} ?return false ?;?$/.exec(
      text,
    )
  if (loop === null) return undefined
  const right = expression(loop[6] ?? '')
  return right === undefined
    ? undefined
    : { kind: 'some', buckets: pathParts(loop[2] ?? ''), inside: pathParts(loop[4] ?? ''), op: loop[5] as ScriptOp, right }
}
