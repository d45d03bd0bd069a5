import { createRequire } from "node:module";

/** Version of TypeScript that the language server has. */
export function typescriptVersion(): string {
  try {
    return (createRequire(import.meta.url)("typescript/package.json") as { version: string })
      .version;
  } catch {
    return "7.0"; // the syntax is esbuild's; the compiler itself is optional
  }
}
