import {
  type AnyNode,
  type ExportNamedDeclaration,
  type ImportDeclaration,
  type Program,
  parse,
} from "acorn";
import MagicString from "magic-string";
import type { Position } from "./compile.ts";
import { helpers } from "./names.ts";
import { children, rename } from "./rename.ts";

/** A rewritten cell. */
export interface Rewritten {
  code: string;
  /** Names that the top level declares, imports too, as the user wrote them. */
  declared: string[];
  /** Those of them that hide a global of Node. */
  hidden: string[];
  /** Those of them, and other names, that it exports. */
  exported: string[];
  /** Names that it assigns to, whoever declares them. */
  assigned: string[];
  /** Source map to the text before the rewrite, whose lines it counts from 2; made only when asked for. */
  map(): string;
}

/** How the names of a cell are bound. */
export interface Naming {
  /** TypeScript of the cell: a top-level name that is not in it was made by esbuild. */
  source: string;
  /** Makes those names unique in the session. */
  number: number;
  /** Names of Node's globals that earlier cells declared. */
  hidden: ReadonlySet<string>;
}

/** Not visible, so that a renamed function or error message reads as it was written; legal in identifiers. */
const joiner = "\u200d";
const asWritten = (name: string) => name.split(joiner)[0] as string;

/**
 * Node's globals. A cell's binding of such a name gets another one: bindings of the top level are seen by all code of the
 * process, and `import { setTimeout } from "node:timers/promises"` must not break every package that uses timers.
 */
const globals = new Set(
  Object.entries(Object.getOwnPropertyDescriptors(globalThis))
    .filter(([, { configurable }]) => configurable)
    .map(([name]) => name),
);

/**
 * Turns a module's text into a script for the inspector's REPL mode:
 * - top-level `const`, `class`, `function` and `var` become `let`, which REPL mode lets a later cell redeclare with
 *   closures of earlier cells seeing the new value; functions are assigned before the first statement;
 * - imports become one awaited call each, also before the first statement; exports lose their keyword;
 * - `await x` becomes `await gate(x)`, so that an interrupt can reject it;
 * - the last expression is handed to the runtime as the result of the cell.
 */
export function rewrite(
  javascript: string,
  naming: Naming,
  refuse: (issue: Position & { message: string }) => never,
): Rewritten {
  // The empty first line is where moved statements go; nothing can be moved in front of itself.
  const body = `\n${javascript}`;
  const program = parseModule(body, refuse);
  const text = new MagicString(body);
  const { own, hidden, made, names: renamed } = bindings(program, naming);
  rename(program, renamed, text);
  const hoisted: string[] = [];
  const declared = new Set<string>();
  const exported: string[] = [];
  const assigned = new Set<string>();

  const walk = (node: AnyNode, inFunction: boolean) => {
    visit(node, text);
    for (const name of targets(node)) assigned.add(name);
    if (node.type === "VariableDeclaration" && node.kind === "var" && !inFunction)
      for (const name of assignVar(node, text)) declared.add(name);
    const nested = inFunction || isFunction(node);
    for (const child of children(node)) walk(child, nested);
  };
  const loose = (node: AnyNode) => {
    if (node.type === "VariableDeclaration" && node.kind !== "var")
      text.update(node.start, node.start + node.kind.length, "let");
    if (node.type === "ClassDeclaration" && node.id) {
      text.prependRight(node.start, `let ${node.id.name} = `);
      text.appendLeft(node.end, ";");
    }
    if (node.type === "FunctionDeclaration" && node.id) hoist(node, text, hoisted);
  };

  for (const statement of program.body) {
    walk(statement, false);
    switch (statement.type) {
      case "ImportDeclaration":
        if (typesOnly(statement, body)) {
          text.remove(statement.start, statement.end);
          break;
        }
        text.update(statement.start, statement.end, importCall(statement, body, program));
        text.move(statement.start, statement.end, 0);
        break;
      case "ExportNamedDeclaration":
        exported.push(...exportedNames(statement));
        if (statement.declaration) {
          text.remove(statement.start, statement.declaration.start);
          loose(statement.declaration);
        } else if (statement.source && !typesOnly(statement, body))
          text.update(statement.start, statement.end, bareImport(statement.source.value));
        else text.remove(statement.start, statement.end);
        break;
      case "ExportAllDeclaration":
        text.update(statement.start, statement.end, bareImport(statement.source.value));
        break;
      case "ExportDefaultDeclaration": {
        const { declaration } = statement;
        text.remove(statement.start, declaration.start);
        const named =
          "id" in declaration && declaration.id && /Declaration$/.test(declaration.type);
        if (named) loose(declaration as AnyNode);
        else text.prependRight(declaration.start, "(").appendLeft(declaration.end, ")");
        break;
      }
      default:
        loose(statement);
    }
  }
  const last = lastStatement(program, made);
  if (last?.type === "ExpressionStatement") {
    text.prependRight(last.expression.start, `await ${helpers}.result((`);
    text.appendLeft(last.expression.end, "))");
  }
  const names = [...new Set([...hoisted, ...declared])];
  text.prepend(`"use strict";${names.length > 0 ? `let ${names.join(", ")};` : ""}`);
  return {
    code: text.toString(),
    declared: own,
    hidden,
    exported: exported.map(asWritten),
    assigned: [...assigned].filter((name) => !made.has(name)).map(asWritten),
    map: () => text.generateMap({ hires: true, includeContent: false }).toString(),
  };
}

/** The names that the top level binds. */
interface Bindings {
  own: string[];
  hidden: string[];
  /** What esbuild made, as it is called after the renaming. */
  made: Set<string>;
  /** New names for a statement. */
  names(statement: AnyNode): ReadonlyMap<string, string>;
}

function bindings(program: Program, { source, number, hidden }: Naming): Bindings {
  const declared = new Set(program.body.flatMap(topLevel));
  const vars = (node: AnyNode) => {
    if (node.type === "VariableDeclaration" && node.kind === "var")
      for (const { id } of node.declarations) for (const name of bound(id)) declared.add(name);
    if (!isFunction(node)) for (const child of children(node)) vars(child);
  };
  for (const statement of program.body) vars(statement);
  const words = new Set(source.match(/[\p{ID_Start}$_][\p{ID_Continue}$]*/gu));
  // A name may be written with escapes.
  const isOwn = (name: string) => words.has(name) || source.includes("\\u");
  const own = [...declared].filter(isOwn);
  const newlyHidden = own.filter((name) => globals.has(name));
  // Those of a decorated class are used whenever it is, and must not be redeclared by the next cell.
  const made = new Map(
    [...declared].filter((name) => !isOwn(name)).map((name) => [name, `${name}${joiner}${number}`]),
  );
  const all = new Map([...hidden, ...newlyHidden].map((name) => [name, name + joiner]));
  for (const [name, alias] of made) all.set(name, alias);
  return {
    own,
    hidden: newlyHidden,
    made: new Set(made.values()),
    // esbuild's helpers use Node's globals, not those of the user.
    names: (statement) =>
      statement.type === "VariableDeclaration" &&
      statement.declarations.every(
        ({ id }) => id.type === "Identifier" && id.name.startsWith("__") && made.has(id.name),
      )
        ? made
        : all,
  };
}

/**
 * The last statement of a cell. With a `using` at its top level, esbuild puts the cell into a `try` whose `finally`
 * disposes.
 */
function lastStatement(program: Program, made: ReadonlySet<string>): AnyNode | undefined {
  const full = (nodes: readonly AnyNode[]) => nodes.filter(({ type }) => type !== "EmptyStatement");
  const statements = full(program.body);
  const last = statements.at(-1);
  const exported = (node?: AnyNode) =>
    node?.type === "ExportNamedDeclaration" && !node.declaration && !node.source;
  const tried = exported(last) ? statements.at(-2) : last;
  if (tried?.type !== "TryStatement" || !tried.finalizer) return last;
  const calls = [...tried.finalizer.body].flatMap((statement) => [...descendants(statement)]);
  const disposes = calls.some(
    (node) =>
      node.type === "CallExpression" &&
      node.callee.type === "Identifier" &&
      node.callee.name.startsWith("__callDispose") &&
      made.has(node.callee.name),
  );
  return disposes ? full(tried.block.body).at(-1) : last;
}

function* descendants(node: AnyNode): Generator<AnyNode> {
  yield node;
  for (const child of children(node)) yield* descendants(child);
}

/** `import {} from "m"`: all that it named were types. */
const typesOnly = (node: AnyNode, javascript: string) =>
  /^(?:import|export)\s*\{\s*\}/.test(javascript.slice(node.start, node.end));

function parseModule(
  javascript: string,
  refuse: (issue: Position & { message: string }) => never,
): Program {
  try {
    return parse(javascript, { ecmaVersion: "latest", sourceType: "module" });
  } catch (error) {
    const { message, loc } = error as SyntaxError & { loc?: { line: number; column: number } };
    const place = { line: Math.max(1, (loc?.line ?? 2) - 1), column: (loc?.column ?? 0) + 1 };
    return refuse({ message: message.replace(/ \(\d+:\d+\)$/, ""), ...place });
  }
}

function visit(node: AnyNode, text: MagicString): void {
  switch (node.type) {
    case "AwaitExpression":
      text.prependRight(node.argument.start, `${helpers}.gate(`);
      text.appendLeft(node.argument.end, ")");
      break;
    case "ForOfStatement":
      if (!node.await) break;
      text.prependRight(node.right.start, `${helpers}.gated(`);
      text.appendLeft(node.right.end, ")");
      break;
    case "ImportExpression":
      text.update(node.start, node.start + "import".length, `${helpers}.import`);
      break;
    case "MetaProperty":
      if (node.meta.name === "import") text.update(node.start, node.end, `${helpers}.meta`);
  }
}

/** `function f() {}` → `f = function () {};` at the top: named by its binding, so that a recursion sees a redeclaration. */
function hoist(
  node: Extract<AnyNode, { type: "FunctionDeclaration" }>,
  text: MagicString,
  hoisted: string[],
): void {
  const name = node.id?.name as string;
  hoisted.push(name);
  text.remove(node.id?.start as number, node.id?.end as number);
  const [shown, renamed] = name.split(joiner);
  text.prependRight(node.start, renamed === undefined ? `${name} = ` : `${name} = { ${shown}: `);
  text.appendLeft(node.end, renamed === undefined ? ";" : ` }.${shown};`);
  text.move(node.start, node.end, 0);
}

/** `var a = 1, {b} = c` → `(a = 1, {b} = c)`; returns the names for the declaration at the top. */
function assignVar(
  node: Extract<AnyNode, { type: "VariableDeclaration" }>,
  text: MagicString,
): string[] {
  const names = node.declarations.flatMap(({ id }) => bound(id));
  const [first] = node.declarations;
  text.remove(node.start, first.start);
  if (first.id.type === "ObjectPattern" && first.init) {
    text.prependRight(first.start, "(");
    text.appendLeft(node.declarations[node.declarations.length - 1].end, ")");
  }
  return names;
}

/** Names that a statement of the top level declares. */
function topLevel(statement: AnyNode): string[] {
  switch (statement.type) {
    case "VariableDeclaration":
      return statement.declarations.flatMap(({ id }) => bound(id));
    case "FunctionDeclaration":
    case "ClassDeclaration":
      return statement.id ? [statement.id.name] : [];
    case "ImportDeclaration":
      return statement.specifiers.map(({ local }) => local.name);
    case "ExportNamedDeclaration":
    case "ExportDefaultDeclaration":
      return statement.declaration ? topLevel(statement.declaration as AnyNode) : [];
    default:
      return [];
  }
}

function exportedNames({ declaration, specifiers }: ExportNamedDeclaration): string[] {
  return [
    ...(declaration ? topLevel(declaration) : []),
    ...specifiers.map(({ exported: name }) =>
      name.type === "Identifier" ? name.name : String(name.value),
    ),
  ];
}

/** Names that a node assigns to. */
function targets(node: AnyNode): string[] {
  switch (node.type) {
    case "AssignmentExpression":
      return bound(node.left);
    case "UpdateExpression":
      return bound(node.argument);
    case "ForInStatement":
    case "ForOfStatement":
      return bound(node.left);
    default:
      return [];
  }
}

function bound(pattern: AnyNode | null): string[] {
  switch (pattern?.type) {
    case "Identifier":
      return [pattern.name];
    case "ObjectPattern":
      return pattern.properties.flatMap((property) =>
        bound(property.type === "RestElement" ? property.argument : property.value),
      );
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => bound(element));
    case "AssignmentPattern":
      return bound(pattern.left);
    case "RestElement":
      return bound(pattern.argument);
    default:
      return [];
  }
}

/** `import a, { b as c } from "m"` → `let [a, c] = await helpers.imports("m", ["default", "b"], [used…]);` */
function importCall(node: ImportDeclaration, javascript: string, program: Program): string {
  const attributes = node.attributes
    .map(({ key, value }) => `${javascript.slice(key.start, key.end)}: ${value.raw}`)
    .join(", ");
  const options = attributes === "" ? "" : `, { with: { ${attributes} } }`;
  if (node.specifiers.length === 0) return bareImport(node.source.value, options);
  const locals = node.specifiers.map(({ local }) => local.name);
  const names = node.specifiers.map((specifier) => {
    if (specifier.type === "ImportDefaultSpecifier") return "default";
    if (specifier.type === "ImportNamespaceSpecifier") return "*";
    const { imported } = specifier;
    return imported.type === "Identifier" ? imported.name : String(imported.value);
  });
  // An import that the cell never uses may be a type: only a used one must exist in the module.
  const used = usedNames(program);
  const required = locals.map((local) => used.has(local));
  return (
    `let [${locals.join(", ")}] = await ${helpers}.imports(${JSON.stringify(node.source.value)}, ` +
    `${JSON.stringify(names)}, ${JSON.stringify(required)}${options});`
  );
}

const bareImport = (source: unknown, options = "") =>
  `await ${helpers}.import(${JSON.stringify(source)}${options});`;

const usedCache = new WeakMap<Program, Set<string>>();

function usedNames(program: Program): Set<string> {
  const cached = usedCache.get(program);
  if (cached) return cached;
  const names = new Set<string>();
  const walk = (node: AnyNode) => {
    if (node.type === "Identifier") names.add(node.name);
    for (const child of children(node)) walk(child);
  };
  for (const statement of program.body) if (statement.type !== "ImportDeclaration") walk(statement);
  usedCache.set(program, names);
  return names;
}

const isFunction = (node: AnyNode) =>
  /Function/.test(node.type) || node.type === "StaticBlock" || node.type === "PropertyDefinition";
