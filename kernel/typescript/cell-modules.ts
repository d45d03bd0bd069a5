import type { Document } from "./language-server.ts";
import { topLevel } from "./top-level.ts";

/** A cell as a module: its text, and one more line that imports what it uses of earlier cells and exports its own. */
export interface CellModule extends Document {
  imports: CellModule[];
  /** The longest way to a module that imports none. */
  depth: number;
  /** What its top level declares, types too. */
  declares: string[];
  /** True if it changes what all later cells see. */
  ambient: boolean;
}

/** What is known of a compiled cell besides its text. */
export interface CellFacts {
  /** Names that its top level declares, those of types may be missing. */
  declared: readonly string[];
  /** Names that it exports itself. */
  exported?: readonly string[];
  /** Names that it assigns to. */
  assigned?: readonly string[];
  /** True if it is TSX. */
  jsx?: boolean;
}

/** The cells of a notebook as modules. */
export interface CellModules {
  /** The module of a cell that is about to run, over those that ran. */
  cell(source: string, facts: CellFacts): CellModule;
  /** Tells that it ran: later modules see it. */
  ran(module: CellModule): void;
  /** The module of code that may be unfinished, over all cells; `name` has no extension. */
  question(name: string, code: string, jsx: boolean): CellModule;
  /** The names of all modules that later ones can reach, and of those that `module` needs. */
  reachable(module?: CellModule): Set<string>;
  reset(): void;
}

const mostDepth = 200;
const depthOver = (imports: readonly CellModule[]) =>
  imports.reduce((most, { depth }) => Math.max(most, depth + 1), 0);

/** Modules that import `ambient`, the module of what every cell has. */
export function cellModules(ambient: string): CellModules {
  /** The module that declared each name last. */
  let visible = new Map<string, CellModule>();
  /** Those that change what all later ones see; the same text again takes its own place. */
  let effects = new Map<string, CellModule>();
  let count = 0;

  function tail(
    source: string,
    own: ReadonlySet<string>,
    wanted: (name: string) => boolean,
    assigned: ReadonlySet<string>,
  ): { text: string; imports: CellModule[] } {
    const imports = new Map<CellModule, string[]>();
    const variables: string[] = [];
    // Not those of its own former run, or each would keep the one before it.
    for (const [text, from] of effects) if (text !== source) imports.set(from, []);
    for (const [known, from] of visible) {
      if (own.has(known) || !wanted(known)) continue;
      // Cells that name each other and run again and again would be a chain without end.
      if (from.depth >= mostDepth) {
        variables.push(`declare let ${known}: any;`);
        continue;
      }
      if (!imports.has(from)) imports.set(from, []);
      // An import cannot be assigned to; the cell can.
      if (assigned.has(known))
        variables.push(`declare let ${known}: typeof import("./${from.name}").${known};`);
      else imports.get(from)?.push(known);
    }
    const lines = [...imports].map(
      ([from, names]) => `import { ${names.join(", ")} } from "./${from.name}";`,
    );
    const text = `;import "./${ambient}";${lines.join("")}${variables.join("")}`;
    return { text, imports: [...imports.keys()] };
  }

  return {
    cell(source, { declared, exported = [], assigned = [], jsx = false }) {
      const seen = topLevel(source);
      const words = new Set(source.match(/[\p{ID_Start}$_][\p{ID_Continue}$]*/gu));
      // The compiler declares names of its own, which no cell means.
      const declares = [...new Set([...declared.filter((name) => words.has(name)), ...seen.names])];
      const { text, imports } = tail(
        source,
        new Set(declares),
        (name) => words.has(name),
        new Set(assigned),
      );
      const already = new Set([...exported, ...seen.exported]);
      const exports = declares.filter((name) => !already.has(name));
      return {
        name: `lclab-cell-${++count}${jsx ? ".tsx" : ".ts"}`,
        // After the text, on one line: places in the cell do not shift.
        text: `${source}\n${text}export { ${exports.join(", ")} };`,
        ...{ imports, declares, depth: depthOver(imports) },
        ambient: seen.ambient,
      };
    },
    ran(module) {
      for (const name of module.declares) visible.set(name, module);
      if (module.ambient) effects.set(module.text.slice(0, module.text.lastIndexOf("\n")), module);
    },
    question(name, code, jsx) {
      const { names: declares } = topLevel(code);
      const { text, imports } = tail(code, new Set(declares), () => true, new Set());
      return {
        name: `${name}${jsx ? ".tsx" : ".ts"}`,
        text: `${code}\n${text}export {};`,
        ...{ imports, declares, depth: depthOver(imports) },
        ambient: false,
      };
    },
    reachable(module) {
      const names = new Set<string>();
      const next = [...(module ? [module] : []), ...visible.values(), ...effects.values()];
      for (let one = next.pop(); one; one = next.pop()) {
        if (names.has(one.name)) continue;
        names.add(one.name);
        next.push(...one.imports);
      }
      return names;
    },
    reset() {
      visible = new Map();
      effects = new Map();
    },
  };
}

/** True if unfinished code is read as TSX: it has a tag that is closed, or the cursor is in one that only TSX can have. */
export function looksLikeJsx(code: string, cursor: number): boolean {
  return (
    /<\/|\/>/.test(code) ||
    /(?:^|[=(,:?&|[{};>]|return)\s*<[A-Za-z][\w.]*\s[^<>]*$/.test(code.slice(0, cursor))
  );
}
