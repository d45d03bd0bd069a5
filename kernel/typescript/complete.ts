import type { Completeness } from "../interpreter.ts";
import { CompileError, compile } from "./compile.ts";
import type { CompilerOptions } from "./tsconfig.ts";

/** Whether `code` can run as it is, ends too early (with the indent of the next line), or is wrong. */
export async function isComplete(
  code: string,
  compiler: CompilerOptions = {},
): Promise<Completeness> {
  try {
    await compile(code, compiler);
    return { status: "complete" };
  } catch (error) {
    if (!(error instanceof CompileError)) return { status: "unknown" };
    return error.issues.some(({ unfinished }) => unfinished)
      ? { status: "incomplete", indent: indentAfter(code) }
      : { status: "invalid" };
  }
}

function indentAfter(code: string): string {
  const line = code.trimEnd().split("\n").at(-1) ?? "";
  const indent = /^\s*/.exec(line)?.[0] ?? "";
  return /[{([]$/.test(line) ? `${indent}  ` : indent;
}
