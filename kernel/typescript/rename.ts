import type { AnyNode, Program } from "acorn";
import type MagicString from "magic-string";

/**
 * Renames identifiers of a program, bindings and references alike, in every scope: what referred to one binding before
 * still does. Property names, labels and the names of modules' exports stay. The nodes get their new names too.
 * `namesIn` gives the new names for each statement of the top level.
 */
export function rename(
  program: Program,
  namesIn: (statement: AnyNode) => ReadonlyMap<string, string>,
  text: MagicString,
): void {
  let names: ReadonlyMap<string, string>;
  const identifier = (node: AnyNode, property = "") => {
    if (node.type !== "Identifier") return;
    const name = names.get(node.name);
    if (name === undefined) return;
    text.update(node.start, node.end, property + name);
    node.name = name;
  };
  const walk = (node: AnyNode): void => {
    switch (node.type) {
      case "Identifier":
        identifier(node);
        return;
      case "MemberExpression":
        walk(node.object);
        if (node.computed) walk(node.property);
        return;
      case "Property":
        if (node.shorthand) shorthand(node.value);
        else key(node);
        return;
      case "MethodDefinition":
      case "PropertyDefinition":
        key(node);
        return;
      case "LabeledStatement":
        walk(node.body);
        return;
      case "BreakStatement":
      case "ContinueStatement":
      case "MetaProperty":
      case "ExportAllDeclaration":
        return;
      case "ImportDeclaration":
        // Its text is replaced as a whole. `import { a }` has one node for both names.
        for (const specifier of node.specifiers) {
          const { local } = specifier;
          specifier.local = { ...local, name: names.get(local.name) ?? local.name };
        }
        return;
      case "ExportNamedDeclaration":
        if (node.declaration) statement(node.declaration);
        return;
      case "ExportDefaultDeclaration":
        statement(node.declaration);
        return;
    }
    for (const child of children(node)) walk(child);
  };
  const shorthand = (value: AnyNode) => {
    const target = value.type === "AssignmentPattern" ? value.left : value;
    identifier(target, target.type === "Identifier" ? `${target.name}: ` : "");
    if (value.type === "AssignmentPattern") walk(value.right);
  };
  const key = (
    node: Extract<AnyNode, { type: "Property" | "MethodDefinition" | "PropertyDefinition" }>,
  ) => {
    if (node.computed) walk(node.key);
    if (node.value) walk(node.value);
  };
  const statement = (node: AnyNode) => {
    // A class of the top level is bound to a variable: its own name may stay as it is.
    if (node.type === "ClassDeclaration" && node.id) {
      const own = node.id.name;
      node.id.name = names.get(own) ?? own;
      if (node.superClass) walk(node.superClass);
      // Inside, that name is the class, already while its static members are made.
      const outer = names;
      names = new Map([...outer].filter(([name]) => name !== own));
      walk(node.body);
      names = outer;
    } else walk(node);
  };
  for (const each of program.body) {
    names = namesIn(each);
    if (names.size > 0) statement(each);
  }
}

/** The nodes below a node. */
export function* children(node: AnyNode): Generator<AnyNode> {
  for (const value of Object.values(node) as unknown[]) {
    const candidates = Array.isArray(value) ? value : [value];
    for (const child of candidates)
      if (typeof child === "object" && child !== null && typeof child.type === "string")
        yield child as AnyNode;
  }
}
