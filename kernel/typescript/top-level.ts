/** What the top level of a cell declares for the types of other cells, read from its text, which may be unfinished. */
export interface TopLevel {
  /** Types, and names that exist for types only, such as those of `declare` and `import type`; values too. */
  names: string[];
  /** Those of them, and other names, that it exports. */
  exported: string[];
  /** True if it changes what all cells see: `declare global`, `declare module`, or an import for its effects. */
  ambient: boolean;
}

/** Comments, strings, templates, and slashes that begin a regular expression. */
const opaque =
  /\/\/.*|\/\*[\s\S]*?\*\/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\[\s\S])*`|(?<=(?:^|[=(,:?!&|;{}[\n]|return)\s*)\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\//g;

const word = String.raw`[\p{ID_Start}$_][\p{ID_Continue}$]*`;
const declaration = new RegExp(
  String.raw`(?:^|[;}\n])\s*(export\s+)?(?:default\s+)?(?:declare\s+)?(?:async\s+)?` +
    String.raw`(?:(?:(?:const\s+)?enum|interface|namespace|module|(?:abstract\s+)?class|function\s*\*?|const|let|var)\s+(${word})|type[ \t]+(${word})\s*[=<])`,
  "gu",
);
const importClause = /(?:^|[;}\n])\s*import\s+(?:type\s+(?!from\b))?([^;()]*?)\s*\bfrom\b/g;

const exportClause = /(?:^|[;}\n])\s*export\s+(?:type\s*)?\{([^{}]*)\}/g;

/** Reads the top level of a cell. What a plain look at the text cannot find, such as destructured names, is left out. */
export function topLevel(source: string): TopLevel {
  const blanked = source.replace(opaque, (text) => text.replace(/[^\n]/g, " "));
  const names: string[] = [];
  const exported: string[] = [];
  // Matches overlap by one character, which ends one statement and begins the next.
  for (const [, isExported, name = "", type = ""] of outermost(blanked)
    .replace(/[;}\n]/g, "$&$&")
    .matchAll(declaration)) {
    names.push(name || type);
    if (isExported) exported.push(name || type);
  }
  for (const [, clause] of blanked.replace(/[;}\n]/g, "$&$&").matchAll(importClause))
    for (const part of clause.replace(/[{}]/g, ",").split(",")) {
      const local = new RegExp(`(${word})\\s*$`, "u").exec(part)?.[1];
      if (local !== undefined) names.push(local);
    }
  for (const [, clause = ""] of blanked.matchAll(exportClause))
    for (const part of clause.split(",")) {
      const name = new RegExp(`(${word})\\s*$`, "u").exec(part)?.[1];
      if (name !== undefined) exported.push(name);
    }
  const ambient =
    /\bdeclare\s+(?:global\b|module\s*["'])/.test(source) || /^\s*import\s*["']/m.test(source);
  return { names: [...new Set(names)], exported, ambient };
}

/** The text with everything between brackets blanked, the brackets kept. */
function outermost(text: string): string {
  let depth = 0;
  return text.replace(/[^\n]/g, (character) => {
    if (/[)}\]]/.test(character)) depth = Math.max(0, depth - 1);
    const shown = depth === 0 ? character : " ";
    if (/[({[]/.test(character)) depth++;
    return shown;
  });
}
