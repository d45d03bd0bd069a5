import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(fileURLToPath(new URL("../..", import.meta.url)));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs scripts/start.mjs of a clone to its end. */
function start(
  clone: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [join(clone, "scripts/start.mjs"), ...args], {
      cwd: clone,
      env: { ...process.env, ...env },
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text) => {
      stdout += text;
    });
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    child.once("error", fail);
    child.once("close", (code) => done({ code, stdout, stderr }));
  });
}

function listenAnywhere(): Promise<{ server: Server; port: number }> {
  return new Promise((done) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      assert.ok(address && typeof address === "object");
      done({ server, port: address.port });
    });
  });
}

describe("npm start in a clone where nothing is installed", () => {
  let clone = "";
  before(() => {
    clone = mkdtempSync(join(tmpdir(), "lclab-clone-"));
    cpSync(join(root, "scripts"), join(clone, "scripts"), { recursive: true });
    for (const name of ["package.json", "package-lock.json"])
      cpSync(join(root, name), join(clone, name));
  });
  after(() => rmSync(clone, { recursive: true, force: true }));

  /** A folder with only the programs of these names, as the PATH. */
  const pathWith = (programs: Readonly<Record<string, string>>): NodeJS.ProcessEnv => {
    const folder = mkdtempSync(join(clone, "path-"));
    for (const [name, script] of Object.entries(programs)) {
      writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    symlinkSync("/bin/sh", join(folder, "sh"));
    return { PATH: [folder].join(delimiter) };
  };

  const untouched = (): void => {
    assert.ok(!existsSync(join(clone, "node_modules")), "npm ci has run");
    assert.ok(!existsSync(join(clone, ".venv")), ".venv is there");
    assert.ok(!existsSync(join(clone, "dist")), "dist is there");
  };

  it("without Python refuses before any work and says what to install", async () => {
    const { code, stdout, stderr } = await start(clone, ["--no-browser"], pathWith({}));
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.equal(
      stderr,
      "npm start: Python must be 3.9 or newer, with its venv module, got none (tried python3, python, py -3). " +
        "Install it from your system's packages or python.org, then start again.\n",
    );
    untouched();
  });

  it("with a Python that is too old says which", async () => {
    const { code, stderr } = await start(clone, [], pathWith({ python3: "echo 3 8 18 1" }));
    assert.equal(code, 1);
    assert.match(stderr, /got python3 is 3\.8\.18\. Install it/);
    untouched();
  });

  it("with a Python without venv names the package", async () => {
    const { code, stderr } = await start(
      clone,
      [],
      pathWith({ python3: "echo 3 11 2 0", python: "exit 1" }),
    );
    assert.equal(code, 1);
    assert.match(
      stderr,
      /got python3 has no venv module \(Debian: apt install python3-venv\); python does not run\./,
    );
    untouched();
  });

  it("with a port in use refuses before any work", async () => {
    const { server, port } = await listenAnywhere();
    try {
      const { code, stderr } = await start(clone, ["--no-browser", "--port", String(port)]);
      assert.equal(code, 1);
      assert.equal(
        stderr,
        `npm start: port ${port} is in use by another program. Leave out --port to take a free one, or choose another.\n`,
      );
      untouched();
    } finally {
      server.close();
    }
  });

  for (const [args, message] of [
    [["--port"], "--port must be a whole number from 1 to 65535, got nothing. Write --port 8888."],
    [["--port=0"], '--port must be a whole number from 1 to 65535, got "0". Write --port 8888.'],
    [
      ["--port", "5001x"],
      '--port must be a whole number from 1 to 65535, got "5001x". Write --port 8888.',
    ],
    [
      ["--nobrowser"],
      'unknown option "--nobrowser". Its options are --port N, --no-browser, --system-node, --help.',
    ],
  ] as const) {
    it(`refuses ${args.join(" ")}`, async () => {
      const { code, stderr } = await start(clone, args);
      assert.deepEqual([code, stderr], [1, `npm start: ${message}\n`]);
      untouched();
    });
  }

  it("--help says the options and does nothing", async () => {
    const { code, stdout } = await start(clone, ["--help"]);
    assert.equal(code, 0);
    for (const option of ["--port N", "--no-browser", "--system-node", "--help", "LCLAB_DATA"])
      assert.ok(stdout.includes(option));
    untouched();
    assert.ok(readdirSync(clone).length > 0);
  });
});
