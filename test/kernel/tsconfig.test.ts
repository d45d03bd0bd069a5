import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { aliased } from "../../kernel/runtime/tsconfig.ts";
import type { Message } from "../../kernel/wire.ts";
import { type Exchange, type KernelClient, startKernel } from "../support/kernel-client.ts";

const batch = { allow_stdin: false };
const texts = ({ published }: Exchange, wanted: string) =>
  published
    .filter(({ header }) => header.msg_type === wanted)
    .map(({ content }: Message) => (content.data as Record<string, string>)["text/plain"]);

/** A folder with a tsconfig.json of these options and other files. */
function project(compilerOptions: object, files: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "lclab-tsconfig-"));
  const all = { "tsconfig.json": JSON.stringify({ compilerOptions }), ...files };
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** A JSX runtime that makes text. */
const tiny = {
  "node_modules/tiny/package.json": JSON.stringify({
    name: "tiny",
    type: "module",
    exports: { "./jsx-runtime": { types: "./jsx-runtime.d.ts", default: "./jsx-runtime.js" } },
  }),
  "node_modules/tiny/jsx-runtime.js":
    "export const jsx = (tag, { children = [], ...props }) => typeof tag === 'function' ? tag(props) : '<' + tag + ' ' + JSON.stringify(props) + '>' + [children].flat().join('');\nexport const jsxs = jsx;\nexport const Fragment = '';\n",
  "node_modules/tiny/jsx-runtime.d.ts": `export namespace JSX {
  type Element = string;
  interface IntrinsicElements { button: { label: string; children?: unknown }; b: { children?: unknown } }
}
export declare function jsx(tag: unknown, props: object): string;
export declare function jsxs(tag: unknown, props: object): string;
export declare const Fragment: string;
`,
};

describe("tsconfig.json beside the notebook", () => {
  let kernel: KernelClient | undefined;
  const start = async (folder: string) => {
    kernel = await startKernel(folder);
    return (code: string) => (kernel as KernelClient).execute(code, batch);
  };
  afterEach(async () => {
    await kernel?.shutdown();
    kernel = undefined;
  });

  it("sets what is a type error, with comments and with what it extends", async () => {
    const folder = project(
      {},
      {
        "base.json": '{ "compilerOptions": { "strict": false, "noUncheckedIndexedAccess": true } }',
        "tsconfig.json":
          '{ "extends": "./base.json", /* here */ "compilerOptions": { "lib": ["es2023", "dom"], }, }',
      },
    );
    const run = await start(folder);
    assert.deepEqual(
      texts(await run("let a: number = null; (x) => x; typeof document;"), "display_data"),
      [],
    );
    const strict = await startKernel(project({ strict: true }));
    const shown = texts(
      await strict.execute("const f = (x) => x; let b: number = null;", batch),
      "display_data",
    );
    assert.deepEqual(shown.join("\n").match(/TS\d+/g), ["TS7006", "TS2322"]);
    await strict.shutdown();
  });

  it("gives cells and local files its paths, for types and imports", async () => {
    const run = await start(
      project(
        { paths: { "@/*": ["./source/*"], "the-one": ["./source/one.ts"] } },
        {
          "source/one.ts":
            "import { two } from '@/deep/two';\nexport const one: number = two / 2;\n",
          "source/deep/two.ts": "export const two = 2;\n",
        },
      ),
    );
    const exchange = await run(
      "import { one } from 'the-one'; import { two } from '@/deep/two.ts'; const s: string = one; one + two",
    );
    assert.deepEqual(texts(exchange, "execute_result"), ["3"]);
    assert.deepEqual(texts(exchange, "display_data").join("\n").match(/TS\d+/g), ["TS2322"]);
  });

  it("decides how JSX is compiled, in cells and in local files, and what it is checked against", async () => {
    const run = await start(
      project(
        { jsx: "react-jsx", jsxImportSource: "tiny" },
        { ...tiny, "view.tsx": "export const View = ({ n }: { n: number }) => <b>{n}</b>;\n" },
      ),
    );
    const good = await run(
      "import { View } from './view.tsx'; const Own = (p: { a: string }) => <b>{p.a}</b>;\n[<View n={1} />, <Own a='x' />, <></>]",
    );
    assert.deepEqual(texts(good, "display_data"), []);
    assert.deepEqual(texts(good, "execute_result"), [`[ '<b {}>1', '<b {}>x', '< {}>' ]`]);
    const bad = await run("const e = <button label={1} />;\n<Own b='x' />");
    assert.deepEqual(
      texts(bad, "display_data")
        .join("\n")
        .match(/TS\d+|at .*/g),
      ["TS2322", "at Cell [2]:1:19", "TS2322", "at Cell [2]:2:6"],
    );
    const { request } = kernel as KernelClient;
    const complete = async (code: string) =>
      (await request("complete_request", { code, cursor_pos: code.length })).reply.content.matches;
    assert.deepEqual(await complete("<button lab"), ["label"]);
    assert.deepEqual(await complete("const x = <Own "), ["a"]);
    const code = "<Own a='y' />";
    const hover = await request("inspect_request", {
      code,
      cursor_pos: 2,
      detail_level: 0,
    });
    assert.match(JSON.stringify(hover.reply.content.data), /const Own: \(p: \{/);
  });

  it("sets which decorators are meant, and how fields are defined", async () => {
    const run = await start(
      project(
        { experimentalDecorators: true, useDefineForClassFields: false, target: "es2022" },
        {
          "log.ts":
            "export function named(_: object, key: string) { names.push(key) }\nexport const names: string[] = [];\nexport class A { @named x = 1 }\n",
        },
      ),
    );
    const exchange = await run(
      "import { named, names, A } from './log.ts';\nclass B { set y(_: number) { names.push('set') } }\nclass C { @named m(@((..._: unknown[]) => {}) p: number) { return p } }\n[new A().x, names]",
    );
    assert.deepEqual(texts(exchange, "display_data"), []);
    assert.deepEqual(texts(exchange, "execute_result"), ["[ 1, [ 'x', 'm' ] ]"]);
  });

  it("is told where it cannot be honoured or is wrong, once", async () => {
    const run = await start(
      project({
        jsx: "preserve",
        emitDecoratorMetadata: true,
        experimentalDecorators: true,
        strict: "maybe",
        tpyo: 1,
      }),
    );
    const [notes, ...none] = texts(await run("1"), "display_data");
    assert.deepEqual(notes.split("\n"), [
      'tsconfig.json: jsx "preserve" cannot be honoured, for nothing compiles a cell after the kernel. It means "react-jsx" here.',
      "tsconfig.json: emitDecoratorMetadata has no effect, for cells are compiled without looking at types.",
      "tsconfig.json: TS5024 Compiler option 'strict' requires a value of type boolean.",
      "tsconfig.json: TS5023 Unknown compiler option 'tpyo'.",
    ]);
    assert.deepEqual(none, []);
    assert.deepEqual(texts(await run("1"), "display_data"), []);
  });

  it("a path stands for the files of the most precise pattern", () => {
    const paths = { "@/*": ["a/*", "b/*"], "@/x/*": ["c/*.ts"], exact: ["d.ts"], "*.css": ["e/*"] };
    const at = (...names: string[]) => names.map((name) => join(process.cwd(), name));
    assert.deepEqual(aliased("@/q", process.cwd(), paths), at("a/q", "b/q"));
    assert.deepEqual(aliased("@/x/$&", process.cwd(), paths), at("c/$&.ts"));
    assert.deepEqual(aliased("exact", process.cwd(), paths), at("d.ts"));
    assert.deepEqual(aliased("s.css", process.cwd(), paths), at("e/s"));
    assert.deepEqual(aliased("toString", process.cwd(), paths), []);
    assert.deepEqual(aliased("node:fs", process.cwd(), paths), []);
  });
});
