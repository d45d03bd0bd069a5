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

/** A rewritten cell. */
export interface Rewritten {
  code: string;
  /** Names that the top level declares, imports too. */
  declared: string[];
  /** Those of them, and other names, that it exports. */
  exported: string[];
  /** Names that it assigns to, whoever declares them. */
  assigned: string[];
  /** Source map to the text before the rewrite, whose lines it counts from 2; made only when asked for. */
  map(): string;
}

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
  refuse: (issue: Position & { message: string }) => never,
): Rewritten {
  // The empty first line is where moved statements go; nothing can be moved in front of itself.
  const body = `\n${javascript}`;
  const program = parseModule(body, refuse);
  const text = new MagicString(body);
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
        text.update(statement.start, statement.end, importCall(statement, body, program));
        text.move(statement.start, statement.end, 0);
        break;
      case "ExportNamedDeclaration":
        exported.push(...exportedNames(statement));
        if (statement.declaration) {
          text.remove(statement.start, statement.declaration.start);
          loose(statement.declaration);
        } else if (statement.source)
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
  const last = program.body.findLast(({ type }) => type !== "EmptyStatement");
  if (last?.type === "ExpressionStatement") {
    text.prependRight(last.expression.start, `await ${helpers}.result((`);
    text.appendLeft(last.expression.end, "))");
  }
  const names = [...new Set([...hoisted, ...declared])];
  text.prepend(`"use strict";${names.length > 0 ? `let ${names.join(", ")};` : ""}`);
  return {
    code: text.toString(),
    declared: [...new Set([...names, ...program.body.flatMap(topLevel)])],
    exported,
    assigned: [...assigned],
    map: () => text.generateMap({ hires: true, includeContent: false }).toString(),
  };
}

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
  text.prependRight(node.start, `${name} = `);
  text.appendLeft(node.end, ";");
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

function* children(node: AnyNode): Generator<AnyNode> {
  for (const value of Object.values(node) as unknown[]) {
    const candidates = Array.isArray(value) ? value : [value];
    for (const child of candidates)
      if (typeof child === "object" && child !== null && typeof child.type === "string")
        yield child as AnyNode;
  }
}
