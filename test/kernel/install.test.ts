import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { dataFolder, install } from "../../kernel/install.ts";

describe("install", () => {
  it("writes a kernelspec with absolute paths, and the Plotly renderer if it is built", () => {
    const dist = mkdtempSync(join(tmpdir(), "lclab-dist-"));
    const prefix = mkdtempSync(join(tmpdir(), "lclab-prefix-"));
    const main = join(dist, "kernel", "main.js");
    const data = dataFolder({ prefix });
    assert.equal(data, join(prefix, "share", "jupyter"));
    assert.match(
      install(data, main).join("\n"),
      /Did not install the Plotly renderer.*npm run build/,
    );
    const spec = JSON.parse(readFileSync(join(data, "kernels", "lclab", "kernel.json"), "utf8"));
    assert.deepEqual(spec.argv.slice(1), [main, "kernel", "{connection_file}"]);
    assert.ok(isAbsolute(spec.argv[0]));
    assert.equal(spec.interrupt_mode, "message");
    assert.equal(spec.language, "typescript");

    mkdirSync(join(dist, "labextension"));
    writeFileSync(join(dist, "labextension", "package.json"), "{}");
    install(data, main);
    assert.equal(
      readFileSync(join(data, "labextensions", "lclab-plotly", "package.json"), "utf8"),
      "{}",
    );
  });

  it("follows Jupyter's folders", () => {
    assert.equal(dataFolder("user", { JUPYTER_DATA_DIR: "/j" }), "/j");
    assert.equal(dataFolder("user", { XDG_DATA_HOME: "/x" }, "linux"), join("/x", "jupyter"));
    assert.equal(dataFolder("sys-prefix", { VIRTUAL_ENV: "/v" }), join("/v", "share", "jupyter"));
  });
});
