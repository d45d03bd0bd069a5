/**
 * The built library, which is what users run: its threads load JavaScript, without the TypeScript loader's time and
 * memory. engine.bench.ts builds it first.
 */
type Library = typeof import("../../src/engine/program.ts") &
  typeof import("../../src/engine/tfjs/engine.ts") &
  typeof import("../../src/engine/slots.ts") &
  typeof import("../../src/engine/wasm/engine.ts") &
  typeof import("../../src/engine/wasm/memory.ts") &
  typeof import("../../src/engine/wasm/module.ts") &
  typeof import("../../src/engine/wasm/plan.ts") &
  typeof import("../../src/engine/wasm/webassembly.ts") &
  typeof import("../../src/math/random.ts") &
  typeof import("../../src/net/zoo.ts") &
  typeof import("../../src/rest.ts");

const files = [
  ...["engine/program", "engine/slots", "engine/tfjs/engine"],
  ...["engine/wasm/engine", "engine/wasm/memory"],
  ...["engine/wasm/module", "engine/wasm/plan", "engine/wasm/webassembly"],
  ...["math/random", "net/zoo", "rest"],
];

export const library: Library = Object.assign(
  {},
  ...(await Promise.all(
    files.map((file) => import(new URL(`../../dist/src/${file}.js`, import.meta.url).href)),
  )),
);
