/** Starts JupyterLab from .venv with nothing but our environment, and ends it with everything it started. */
import { spawn } from "node:child_process";
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { Refusal } from "./say.mjs";
import { pythonEnvironment, venvPaths } from "./venv.mjs";

/** How long JupyterLab may take to end its kernels and itself before it is killed. */
const patienceMs = 10_000;
const startMs = 60_000;

/**
 * Starts the server and waits until it listens.
 * Returns { url, exited, stop }: the address with its token, a promise of the exit, and a clean end.
 * `state` is the folder for its settings, default .lclab/jupyter;
 * `notebook` is a path below root to open; `port` the exact port, else the first free one from 8888; `settings` more
 * of Jupyter's own, such as { "LabApp.expose_app_in_browser": "True" }.
 * @throws Refusal with the log's last lines if it does not come up.
 */
export async function startJupyter(
  root,
  {
    state = join(root, ".lclab", "jupyter"),
    notebook,
    port,
    browser = false,
    token,
    settings = {},
  } = {},
) {
  const runtime = join(state, `runtime-${process.pid}-${Date.now().toString(36)}`);
  mkdirSync(runtime, { recursive: true });
  const log = join(state, "jupyter.log");
  const child = spawn(
    venvPaths(root).python,
    labArguments(root, { notebook, port, browser, settings }),
    {
      cwd: root,
      env: jupyterEnvironment(state, runtime, token),
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: Ctrl-C reaches this script alone, which then ends the server without its question.
      detached: process.platform !== "win32",
    },
  );
  const tail = keepTail(child, createWriteStream(log));
  const exited = new Promise((resolve) => {
    child.once("error", () => resolve(1));
    child.once("close", (code, signal) => resolve(code ?? signal));
  });
  void exited.then(() => rmSync(runtime, { recursive: true, force: true }));
  const stop = () => end(child, exited);
  const server = await listening(runtime, exited);
  if (!server) {
    await stop();
    throw new Refusal(`${tail().trimEnd()}\nJupyterLab did not start; its log is ${log}.`);
  }
  const path = notebook
    ? `lab/tree/${notebook.split(/[\\/]/).map(encodeURIComponent).join("/")}`
    : "lab";
  return {
    url: `${server.url}${path}?token=${server.token}`,
    base: server.url,
    token: server.token,
    exited,
    stop,
    log,
  };
}

function labArguments(root, { notebook, port, browser, settings }) {
  const all = {
    "ServerApp.root_dir": root,
    "ServerApp.open_browser": browser ? "True" : "False",
    "ServerApp.jpserver_extensions": "{'jupyterlab': True, 'jupyter_server_terminals': True}",
    "ServerApp.allow_root": process.getuid?.() === 0 ? "True" : "False",
    "KernelSpecManager.ensure_native_kernel": "False",
    "KernelSpecManager.allowed_kernelspecs": "{'lclab'}",
    "MappingKernelManager.default_kernel_name": "lclab",
    // No look for a newer version: nothing leaves this machine unasked.
    "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    "LabApp.extension_manager": "readonly",
    ...settings,
    ...(port === undefined ? {} : { "ServerApp.port": port, "ServerApp.port_retries": 0 }),
  };
  const options = Object.entries(all).map(([name, value]) => `--${name}=${value}`);
  return ["-m", "jupyterlab", ...options, ...(notebook ? [join(root, notebook)] : [])];
}

/** Settings and workspaces stay below .lclab; the user's own Jupyter configuration is neither read nor written. */
function jupyterEnvironment(state, runtime, token) {
  const inherited = Object.entries(pythonEnvironment()).filter(
    ([name]) => !name.startsWith("JUPYTER"),
  );
  return {
    ...Object.fromEntries(inherited),
    JUPYTER_NO_CONFIG: "1",
    JUPYTER_PREFER_ENV_PATH: "1",
    JUPYTER_PLATFORM_DIRS: "1",
    JUPYTER_DATA_DIR: join(state, "data"),
    JUPYTER_RUNTIME_DIR: runtime,
    JUPYTERLAB_SETTINGS_DIR: join(state, "settings"),
    JUPYTERLAB_WORKSPACES_DIR: join(state, "workspaces"),
    ...(token ? { JUPYTER_TOKEN: token } : {}),
  };
}

/** The server's own record of its address, once it is there; undefined if it ended or took too long. */
async function listening(runtime, exited) {
  let over = false;
  void exited.then(() => {
    over = true;
  });
  for (const deadline = Date.now() + startMs; Date.now() < deadline && !over; ) {
    const name =
      existsSync(runtime) && readdirSync(runtime).find((file) => /^jpserver-.*\.json$/.test(file));
    if (name) {
      try {
        return JSON.parse(readFileSync(join(runtime, name), "utf8"));
      } catch {
        // Still being written.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return undefined;
}

/** SIGTERM lets the server end its kernels; what is left after that is killed, the whole group. */
async function end(child, exited) {
  if (child.pid === undefined) return;
  signal(child.pid, "SIGTERM");
  const timer = setTimeout(() => signal(-child.pid, "SIGKILL"), patienceMs);
  await exited;
  clearTimeout(timer);
}

function signal(pid, name) {
  try {
    process.kill(process.platform === "win32" ? Math.abs(pid) : pid, name);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

/** Writes the child's output to `file` and keeps the last of it for a message. */
function keepTail(child, file) {
  let last = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      file.write(text);
      last = (last + text).slice(-3000);
    });
  }
  child.once("close", () => file.end());
  return () => last;
}
