import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import {
  cacheFolder,
  type KernelNode,
  type KernelNodeOptions,
  kernelNode,
  nodeVersion,
  runtimes,
} from "../../kernel/node-runtime.ts";
import { npm } from "../../kernel/runtime-package.ts";

const { name, version } = runtimes["linux-x64"];
const program = (answer: string): string =>
  `#!/bin/sh\n[ "$1" = --version ] || exit 0\necho ${answer}\n`;

/** A .tgz with these files, as npm makes them. */
function tarball(files: Readonly<Record<string, string>>): Buffer {
  const blocks = Object.entries(files).flatMap(([path, text]) => {
    const header = Buffer.alloc(512);
    header.write(path, 0);
    header.write("0000755\0", 100);
    header.write(`${text.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("0ustar\0", 156);
    return [header, Buffer.from(text), Buffer.alloc(-text.length & 511)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

const sha512 = (bytes: Buffer): string =>
  `sha512-${createHash("sha512").update(bytes).digest("base64")}`;

describe("kernelNode", () => {
  let folder = "";
  let cache = "";
  let env: NodeJS.ProcessEnv;
  const announced: string[] = [];
  before(function () {
    if (process.platform === "win32") this.skip(); // the programs here are shell scripts
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lclab-runtime-"));
    cache = join(folder, "a cache");
    announced.length = 0;
    serve(tarball({ "package/bin/node": program(`v${version}`), "package/LICENSE": "MIT" }));
    const { npm_execpath: _, ...rest } = process.env;
    env = { ...rest, PATH: `${join(folder, "bin")}${delimiter}${process.env.PATH}` };
    env.LCLAB_CACHE = cache;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A fake npm that serves `archive`, says that its checksum is `checksum`, and writes down what it was asked. */
  function serve(archive: Buffer, checksum: string = sha512(archive)): void {
    writeFileSync(join(folder, "archive"), archive);
    fake(`case "$1" in
      view) echo '"${checksum}"' ;;
      pack) cp "${join(folder, "archive")}" "$npm_config_pack_destination/some.tgz" ;;
    esac`);
  }

  function fake(script: string): void {
    mkdirSync(join(folder, "bin"), { recursive: true });
    const text = `#!/bin/sh\necho "$*" >> "${join(folder, "asked")}"\n${script}\n`;
    writeFileSync(join(folder, "bin", "npm"), text);
    chmodSync(join(folder, "bin", "npm"), 0o755);
  }

  const asked = (): string[] =>
    existsSync(join(folder, "asked"))
      ? readFileSync(join(folder, "asked"), "utf8").trim().split("\n")
      : [];
  const find = (options: KernelNodeOptions = {}): Promise<KernelNode> =>
    kernelNode({
      env,
      target: "linux-x64",
      running: { path: "/old/node", version: "20.19.0" },
      announce: (text) => announced.push(text),
      ...options,
    });
  const path = (): string => join(cache, "node", `${name}-${version}`, "bin", "node");
  const onlyRuntimes = (count: number): void =>
    assert.equal(
      existsSync(join(cache, "node")) ? readdirSync(join(cache, "node")).length : 0,
      count,
    );
  /** The line for the running Node, with this reason. */
  const lost = (why: string): string =>
    `The kernel runs on Node 20.19.0: training is slower, and an interrupt inside AsyncLocalStorage costs the user process (${why}).`;

  it("is the running Node from 24 on, and npm is not asked", async () => {
    for (const running of [
      { path: "/new/node", version: "24.0.0" },
      { path: "/new/node", version: "26.1.0" },
    ])
      assert.deepEqual(await find({ running }), { ...running, fetched: false });
    assert.deepEqual(asked(), []);
  });

  it("fetches the pinned package by npm, once, and keeps program and licence", async () => {
    assert.deepEqual(await find(), { path: path(), version, fetched: true });
    assert.deepEqual(announced, [`Fetching Node ${version} by npm, once, about 50 MB …`]);
    assert.match(asked()[0], new RegExp(`^view ${name}@${version} dist\\.integrity --json`));
    assert.match(asked()[1], new RegExp(`^pack ${name}@${version} `));
    assert.equal(await nodeVersion(path()), version);
    assert.equal(readFileSync(join(cache, "node", `${name}-${version}`, "LICENSE"), "utf8"), "MIT");
    assert.deepEqual(await find(), { path: path(), version, fetched: false });
    assert.equal(asked().length, 2);
    assert.equal(announced.length, 1);
    onlyRuntimes(1);
  });

  it("with --system-node, or on another platform, is the running Node and says what is lost", async () => {
    assert.equal((await find({ system: true })).lost, lost("as --system-node says"));
    assert.equal(
      (await find({ target: "sunos-x64" })).lost,
      lost("npm has no Node 24 for sunos-x64; install it from your system's packages"),
    );
    assert.deepEqual(asked(), []);
  });

  it("without network is the running Node, says why, and leaves nothing behind", async () => {
    fake("echo 'npm error code ENOTFOUND' >&2; exit 1");
    assert.deepEqual(await find(), {
      path: "/old/node",
      version: "20.19.0",
      fetched: false,
      lost: lost("no Node 24: npm view failed (ENOTFOUND)"),
    });
    onlyRuntimes(0);
    rmSync(join(folder, "bin", "npm"));
    env.PATH = join(folder, "bin");
    assert.equal((await find()).lost, lost("no Node 24: npm was not found"));
  });

  it("gives up an npm that hangs, though what it started holds its output open", async () => {
    fake("sleep 5; exit 0");
    const start = Date.now();
    await assert.rejects(npm(["view", "x"], { env, seconds: 0.2 }), {
      message: "npm took longer than 0.2 s",
    });
    assert.ok(Date.now() - start < 4_000);
  });

  it("refuses an archive that is not the one of the checksum", async () => {
    const [good, other] = ["MIT", "MIT!"].map((licence) =>
      tarball({ "package/bin/node": program(`v${version}`), "package/LICENSE": licence }),
    );
    serve(other, sha512(good));
    const why = `no Node 24: the archive of ${name}@${version} must have ${sha512(good)}, got ${sha512(other)}`;
    assert.equal((await find()).lost, lost(why));
    onlyRuntimes(0);
    fake("echo '{}'");
    assert.equal(
      (await find()).lost,
      lost(`no Node 24: npm view gave no SHA-512 of ${name}@${version}`),
    );
  });

  it("refuses an archive that is cut short, or without the program", async () => {
    const whole = tarball({ "package/bin/node": program(`v${version}`), "package/LICENSE": "MIT" });
    for (const [archive, why] of [
      [whole.subarray(0, whole.length / 2), /the package is damaged: unexpected end of file/],
      [Buffer.from("nonsense"), /the package is damaged: incorrect header check/],
      [tarball({ "package/LICENSE": "MIT" }), /the package has no package\/bin\/node\)/],
    ] as const) {
      serve(archive);
      assert.match((await find()).lost ?? "", why);
      onlyRuntimes(0);
    }
  });

  it("refuses a program that does not run here", async () => {
    serve(tarball({ "package/bin/node": "#!/nowhere\n", "package/LICENSE": "MIT" }));
    const why = `no Node 24: ${name}@${version} does not run here: node --version must say v${version}, got`;
    assert.ok((await find()).lost?.includes(`${why} no answer`));
    serve(tarball({ "package/bin/node": program("v24.0.1"), "package/LICENSE": "MIT" }));
    assert.ok((await find()).lost?.includes(`${why} v24.0.1`));
    onlyRuntimes(0);
  });

  it("refuses a program under which zeromq does not load", async () => {
    const picky = program(`v${version}`).replace("exit 0", "exit 7");
    serve(tarball({ "package/bin/node": picky, "package/LICENSE": "MIT" }));
    assert.equal(
      (await find()).lost,
      lost(`no Node 24: Node ${version} is there, but zeromq does not load under it (exit 7)`),
    );
  });

  it("is absolute, though $LCLAB_CACHE be relative", async () => {
    env.LCLAB_CACHE = relative(process.cwd(), cache);
    assert.equal((await find()).path, path());
  });

  it("fetches again what no longer answers", async () => {
    await find();
    writeFileSync(path(), "#!/bin/sh\nexit 1\n");
    assert.deepEqual(await find(), { path: path(), version, fetched: true });
    assert.equal(await nodeVersion(path()), version);
    onlyRuntimes(1);
  });

  it("fetches at the same time do not disturb each other", async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => find()));
    for (const one of all) assert.deepEqual([one.path, one.lost], [path(), undefined]);
    assert.equal(await nodeVersion(path()), version);
    onlyRuntimes(1);
  });

  it("leftovers of a killed fetch go after a day, and not before", async () => {
    const [old, young] = ["old", "young"].map((end) => join(cache, "node", `.fetch-${end}`));
    for (const leftover of [old, young]) mkdirSync(leftover, { recursive: true });
    const before = Date.now() / 1000 - 90_000;
    utimesSync(old, before, before);
    await find();
    assert.deepEqual([existsSync(old), existsSync(young)], [false, true]);
  });

  it("the program is executable, and files outside its folder are never written", async () => {
    serve(
      tarball({
        "package/../../../escaped": "x",
        "package/bin/node": program(`v${version}`),
        "package/LICENSE": "MIT",
      }),
    );
    await find();
    assert.equal(statSync(path()).mode & 0o111, 0o111);
    assert.deepEqual(readdirSync(cache), ["node"]);
    assert.ok(!existsSync(join(folder, "escaped")));
  });

  it("the cache is $LCLAB_CACHE or the platform's folder", () => {
    assert.equal(cacheFolder({ LCLAB_CACHE: "/c" }), "/c");
    assert.equal(cacheFolder({ XDG_CACHE_HOME: "/x" }, "linux"), join("/x", "lclab"));
    assert.match(cacheFolder({}, "darwin"), /Library.Caches.lclab$/);
    assert.equal(cacheFolder({ LOCALAPPDATA: "/l" }, "win32"), join("/l", "lclab", "Cache"));
  });
});
