/** An expression of PromQL as the conversion sees it. Places are UTF-16 units of the masked text; `end` is behind the last sign. */

interface Span {
  readonly start: number
  readonly end: number
}

/** A string with its quotes. */
export interface StringLiteral extends Span {
  readonly kind: 'string'
  /** Decoded. */
  readonly value: string
}

/** A name where it stands, quotes included. */
export interface Name extends Span {
  readonly name: string
  readonly isQuoted: boolean
}

export type MatchOperator = '=' | '!=' | '=~' | '!~'

export interface Matcher extends Span {
  readonly label: Name
  readonly operator: MatchOperator
  /** Place of the operator. */
  readonly operatorAt: Span
  readonly value: StringLiteral
}

export interface Selector extends Span {
  readonly kind: 'selector'
  /** `foo{…}`, or `{"foo"}`, whose name is quoted and stands inside the braces. Undefined: it is among the matchers, or nowhere. */
  readonly name: Name | undefined
  readonly matchers: readonly Matcher[]
  /** Place of the braces, both included. */
  readonly braces: Span | undefined
  /** Elements between the braces: matchers, and the quoted name. */
  readonly elements: readonly Span[]
}

/** Names in parentheses behind `by`, `on` and the like. */
export interface Names extends Span {
  readonly names: readonly Name[]
}

export interface Matrix extends Span {
  readonly kind: 'matrix'
  readonly inner: Expr
  readonly range: Span
}

export interface Subquery extends Span {
  readonly kind: 'subquery'
  readonly inner: Expr
  readonly range: Span
}

/** `offset`, `@`, `anchored`, `smoothed`. */
export interface Modified extends Span {
  readonly kind: 'modified'
  readonly inner: Expr
  readonly how: 'offset' | 'at' | 'other'
}

export interface Call extends Span {
  readonly kind: 'call'
  readonly name: string
  /** Place of the function's name. */
  readonly nameAt: Span
  readonly args: readonly Expr[]
}

export interface Aggregate extends Span {
  readonly kind: 'aggregate'
  readonly op: string
  readonly opAt: Span
  readonly modifier: { readonly kind: 'by' | 'without'; readonly at: Span; readonly labels: Names } | undefined
  /** Place of the parentheses around the arguments. */
  readonly body: Span
  readonly args: readonly Expr[]
}

export interface Binary extends Span {
  readonly kind: 'binary'
  readonly op: string
  readonly opAt: Span
  readonly isBool: boolean
  readonly left: Expr
  readonly right: Expr
  readonly matching:
    | (Span & {
        readonly kind: 'on' | 'ignoring'
        readonly labels: Names
        readonly group: 'left' | 'right' | undefined
        readonly include: Names | undefined
      })
    | undefined
}

export interface Unary extends Span {
  readonly kind: 'unary'
  readonly inner: Expr
}

export interface Paren extends Span {
  readonly kind: 'paren'
  readonly inner: Expr
}

/** A number, or a duration where a number may stand. */
export interface NumberLiteral extends Span {
  readonly kind: 'number'
  /** NaN where it is one, or a variable. */
  readonly value: number
}

export type Expr = Selector | Matrix | Subquery | Modified | Call | Aggregate | Binary | Unary | Paren | NumberLiteral | StringLiteral

export type { Span }
