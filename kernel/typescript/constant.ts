/** A part of a source text, its end excluded. */
export interface Span {
  start: number;
  end: number;
}

/** One alternative per kind of token; what a constant is not made of matches none but the last. */
const token =
  /(\s+|\/\/.*|\/\*[\s\S]*?\*\/)|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\$]|\\[\s\S])*`|\d[\w.]*|\.\d\w*|\b(?:as|satisfies)\s+[\w.]+(?:\[\])*|\b(?:true|false|null|undefined|NaN|Infinity|typeof|void)\b|(?!=>|\+\+|--|(?<![=!<>])=(?!=))[-+*/%&|^!~<>=?:(),])|([;{}])|[\s\S]/gy;

/**
 * Where a cell may end with a constant, such as `'a' + 'b' as const; // c`: the spans that could be its last statement,
 * the longest first. esbuild drops a statement that is a constant, which may be the result of the cell.
 */
export function constantEnds(source: string): Span[] {
  /** Where a statement may start: the text from there on was constant so far. */
  let starts: number[] = [0];
  let end = 0;
  let semicolon = 0;
  /** After an operator the statement goes on, on the next line too. */
  let unfinished = false;
  for (const match of source.matchAll(token)) {
    const [text, blank, constant, boundary] = match;
    const after = match.index + text.length;
    if (constant !== undefined) {
      // What stands before a semicolon is over, unless nothing but semicolons comes after.
      starts = starts.filter((start) => start >= semicolon);
      end = after;
      unfinished = /^(?:[-+*/%&|^!~<>=?:(,]|typeof|void)$/.test(constant);
    } else if (text === ";") {
      unfinished = false;
      semicolon = after;
      starts.push(after);
    } else if (blank === undefined) {
      starts = boundary === undefined ? [] : [after];
      end = 0;
      unfinished = false;
    } else if (text.includes("\n") && !unfinished) starts.push(after);
  }
  if (end === 0) return [];
  const first = (start: number) =>
    start + (/^(?:\s|\/\/.*|\/\*[\s\S]*?\*\/)*/.exec(source.slice(start))?.[0].length ?? 0);
  return [...new Set(starts.map(first))]
    .filter((start) => start < end)
    .map((start) => ({ start, end }));
}

/** The text with the constant at `span` in a form that esbuild keeps. */
export function kept(source: string, { start, end }: Span): string {
  return `${source.slice(0, start)};[${source.slice(start, end)}][0]${source.slice(end)}`;
}
