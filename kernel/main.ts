#!/usr/bin/env node
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type ParseArgsConfig, parseArgs } from "node:util";
import type { Where } from "./install.ts";
import { UsageError } from "./usage-error.ts";

const usage = `lclab: TypeScript for Jupyter, with neural-net compression.

  lclab install --user | --sys-prefix | --prefix DIR   make the kernel known to Jupyter; where Node is older than 24,
                                                       the kernel gets a Node 24 of its own, fetched once by npm
      --system-node                                    without that: the kernel runs on the Node that runs this
      --node PATH                                      the kernel runs on this Node
  lclab uninstall --user | --sys-prefix | --prefix DIR take the kernel and the figure renderer away again
  lclab doctor [--json]                                say what is there, what is missing and how to get it
  lclab run NOTEBOOK.ipynb -o OUT.html | OUT.ipynb     execute a notebook without Jupyter
      -p NAME=VALUE                                    set a parameter, after the cell tagged "parameters"; JSON or text
  lclab sweep status | attach | stop FOLDER            say where a sweep stands; go on with it and follow; stop it
  lclab inspect FILE.safetensors [--json]              list the layers and parts of a saved network, their bytes and entropy
      --max-bytes N                                    memory that reading it may take; default 4 GiB; export and card, too
  lclab export FILE | RUN_FOLDER OUT [--to FORMAT]     write it as safetensors, onnx, tfjs (a folder) or npz, by --to or OUT's ending
      --decompress | --entropy                         plain float32 weights; codes arithmetically coded
      --force --json                                   replace OUT; say what was written as JSON
  lclab card FILE | RUN_FOLDER OUT.html                one page that says what the network is, its bytes, and how to load it
      --title T --notes T --date D                     texts on it; it takes no date from the clock
      --result NAME=VALUE --force                      a line of results, as often as need be; replace OUT.html
  lclab worker [--redis URL] [--queue NAME]            do points of sweeps that are in a BullMQ queue
      --concurrency N --threads N                      points at a time, and threads of each; default 1 and all cores
  lclab kernel CONNECTION_FILE                         serve a kernel; Jupyter calls this
  lclab version
`;

const commands: Record<string, (args: string[]) => Promise<number>> = {
  async kernel(args) {
    const { positionals } = parse("kernel", { args, allowPositionals: true, options: {} });
    if (positionals.length !== 1)
      throw new UsageError(`lclab kernel: needs one connection file, got ${positionals.length}.`);
    if (!existsSync(positionals[0]))
      throw new UsageError(`lclab kernel: there is no connection file ${positionals[0]}.`);
    const [{ serve }, { typescriptInterpreter }] = await Promise.all([
      import("./kernel.ts"),
      import("./typescript/interpreter.ts"),
    ]);
    await serve(positionals[0], typescriptInterpreter(), version());
    return 0;
  },
  async install(args) {
    const { values } = parse("install", {
      args,
      options: {
        user: { type: "boolean" },
        "sys-prefix": { type: "boolean" },
        prefix: { type: "string" },
        node: { type: "string" },
        "system-node": { type: "boolean" },
      },
    });
    const { "system-node": system = false } = values;
    const where = givenWhere("install", values);
    if (system && values.node !== undefined)
      throw new UsageError("lclab install: write --system-node or --node PATH, not both.");
    const { dataFolder, install } = await import("./install.ts");
    const data = dataFolder(where);
    const node =
      values.node === undefined ? await ownNode(system) : await givenNode(resolve(values.node));
    for (const line of install(data, fileURLToPath(import.meta.url), node)) console.log(line);
    return 0;
  },
  async uninstall(args) {
    const { values } = parse("uninstall", {
      args,
      options: {
        user: { type: "boolean" },
        "sys-prefix": { type: "boolean" },
        prefix: { type: "string" },
      },
    });
    const where = givenWhere("uninstall", values);
    const { dataFolder, uninstall } = await import("./install.ts");
    for (const line of uninstall(dataFolder(where))) console.log(line);
    return 0;
  },
  async doctor(args) {
    const { values } = parse("doctor", { args, options: { json: { type: "boolean" } } });
    const { examine, report } = await import("./doctor.ts");
    const { sweepLines } = await import("../src/sweep/command.ts");
    const findings = await examine();
    const sweeps = await sweepLines(process.cwd());
    if (sweeps.length === 0) sweeps.push("none at work in this folder and three below");
    findings.push(...sweeps.map((detail) => ({ name: "sweep", status: "ok" as const, detail })));
    console.log(values.json ? JSON.stringify(findings, null, 2) : report(findings));
    return findings.some(({ status }) => status === "missing") ? 1 : 0;
  },
  async run(args) {
    const { values, positionals } = parse("run", {
      args,
      allowPositionals: true,
      options: {
        output: { type: "string", short: "o" },
        parameter: { type: "string", short: "p", multiple: true },
      },
    });
    const { output, parameter = [] } = values;
    if (positionals.length !== 1 || output === undefined)
      throw new UsageError("lclab run: write lclab run notebook.ipynb -o report.html");
    const { runNotebook } = await import("./run/command.ts");
    return runNotebook(positionals[0], output, parameter);
  },
  async sweep(args) {
    const { positionals } = parse("sweep", { args, allowPositionals: true, options: {} });
    const { sweepActions, sweepCommand } = await import("../src/sweep/command.ts");
    const [given, dir] = positionals;
    const action = sweepActions.find((one) => one === given);
    if (action === undefined || dir === undefined || positionals.length !== 2)
      throw new UsageError(`lclab sweep: write lclab sweep ${sweepActions.join(" | ")} FOLDER`);
    return sweepCommand(action, dir);
  },
  async inspect(args) {
    const { values, positionals } = parse("inspect", {
      args,
      allowPositionals: true,
      options: { json: { type: "boolean" }, "max-bytes": { type: "string" } },
    });
    const [path] = positionals;
    if (path === undefined || positionals.length !== 1)
      throw new UsageError("lclab inspect: write lclab inspect FILE.safetensors");
    const reading = givenBytes("inspect", values["max-bytes"]);
    const { inspectCommand } = await import("../src/files/command.ts");
    return inspectCommand(path, { json: values.json ?? false, ...reading });
  },
  async export(args) {
    const { values, positionals } = parse("export", {
      args,
      allowPositionals: true,
      options: {
        to: { type: "string" },
        decompress: { type: "boolean", default: false },
        entropy: { type: "boolean", default: false },
        force: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        "max-bytes": { type: "string" },
      },
    });
    const [path, out] = positionals;
    if (path === undefined || out === undefined || positionals.length !== 2)
      throw new UsageError("lclab export: write lclab export FILE OUT.onnx, or --to onnx OUT");
    const { "max-bytes": bytes, to, ...options } = values;
    const reading = givenBytes("export", bytes);
    const { exportCommand } = await import("../src/files/command.ts");
    return exportCommand(path, out, { to, ...options, ...reading });
  },
  async card(args) {
    const { values, positionals } = parse("card", {
      args,
      allowPositionals: true,
      options: {
        title: { type: "string" },
        notes: { type: "string" },
        date: { type: "string" },
        result: { type: "string", multiple: true },
        force: { type: "boolean", default: false },
        "max-bytes": { type: "string" },
      },
    });
    const [path, out] = positionals;
    if (path === undefined || out === undefined || positionals.length !== 2)
      throw new UsageError("lclab card: write lclab card FILE.safetensors OUT.html");
    const { "max-bytes": bytes, result = [], force, ...texts } = values;
    const results = Object.fromEntries(
      result.map((given) => {
        const at = given.indexOf("=");
        if (at < 1)
          throw new UsageError(
            `lclab card: --result must be NAME=VALUE, got ${JSON.stringify(given)}.`,
          );
        return [given.slice(0, at), given.slice(at + 1)];
      }),
    );
    const reading = givenBytes("card", bytes);
    const { cardCommand } = await import("../src/card/command.ts");
    return cardCommand(path, out, { ...texts, results, force, ...reading });
  },
  async worker(args) {
    const { values } = parse("worker", {
      args,
      options: {
        redis: { type: "string" },
        queue: { type: "string" },
        concurrency: { type: "string" },
        threads: { type: "string" },
      },
    });
    const { redis: url = "redis://127.0.0.1:6379", queue = "lclab" } = values;
    const concurrency = Number(values.concurrency ?? 1);
    const cores = Math.max(1, Math.floor(availableParallelism() / concurrency));
    const threads = Number(values.threads ?? cores);
    const { workerCommand } = await import("../src/sweep/command.ts");
    return workerCommand({ url, queue, concurrency, threads });
  },
  async version() {
    console.log(version());
    return 0;
  },
};

function givenWhere(
  command: string,
  values: { user?: boolean; "sys-prefix"?: boolean; prefix?: string },
): Where {
  const { user, "sys-prefix": sysPrefix, prefix } = values;
  if ([user, sysPrefix, prefix !== undefined].filter(Boolean).length !== 1)
    throw new UsageError(`lclab ${command}: write one of --user, --sys-prefix, --prefix DIR.`);
  return user ? "user" : sysPrefix ? "sys-prefix" : { prefix: prefix as string };
}

function givenBytes(command: string, given: string | undefined): { maxBytes?: number } {
  if (given === undefined) return {};
  const maxBytes = Number(given);
  if (given.trim() !== "" && maxBytes > 0) return { maxBytes };
  throw new UsageError(
    `lclab ${command}: --max-bytes must be a number above 0, got ${JSON.stringify(given)}.`,
  );
}

/** The Node for the kernel; says what it does and what is lost. */
async function ownNode(system: boolean): Promise<string> {
  const { kernelNode } = await import("./node-runtime.ts");
  const start = performance.now();
  const { path, version, fetched, lost } = await kernelNode({ system, announce: console.log });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  if (fetched) console.log(`Fetched Node ${version} into ${path} in ${seconds} s`);
  if (lost) console.log(lost);
  return path;
}

async function givenNode(path: string): Promise<string> {
  const { nodeVersion } = await import("./node-runtime.ts");
  if ((await nodeVersion(path)) === undefined)
    throw new UsageError(
      `lclab install: --node must be a Node that answers --version, got ${JSON.stringify(path)}.`,
    );
  return path;
}

function parse<T extends ParseArgsConfig>(
  command: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs<T>(config);
  } catch (error) {
    // Of Node's message the first sentence; the others are about any program.
    const [what] = (error as Error).message.split(/\. |$/);
    const more = Object.keys(config.options ?? {}).map((name) => `--${name}`);
    const options = more.length > 0 ? `Its options are ${more.join(", ")}.` : "It has no options.";
    throw new UsageError(`lclab ${command}: ${what}. ${options}`);
  }
}

function version(): string {
  return (createRequire(import.meta.url)("lclab/package.json") as { version: string }).version;
}

async function main([given, ...args]: string[]): Promise<number> {
  const asksForHelp = [given, ...args].some((arg) => arg === "--help" || arg === "-h");
  if (given === undefined || given === "help" || asksForHelp) {
    console.log(usage);
    return given === undefined ? 2 : 0;
  }
  const command = given === "--version" || given === "-v" ? "version" : given;
  try {
    if (!Object.hasOwn(commands, command))
      throw new UsageError(
        `lclab: has no command "${command}". Its commands are ${Object.keys(commands).join(", ")}.`,
      );
    return await commands[command](args);
  } catch (error) {
    const { message, stack, code } = error as Error & { code?: string };
    // The library's errors are written for people, too.
    const known =
      error instanceof UsageError || error instanceof RangeError || code?.startsWith("LC_");
    console.error(known ? message : (stack ?? message));
    return error instanceof UsageError ? 2 : 1;
  }
}

process.exit(await main(process.argv.slice(2)));
