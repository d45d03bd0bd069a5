/** JupyterLab from .venv in a headless Chromium: what the browser tests do with it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { parseNotebook } from "../../kernel/run/notebook.ts";
import { injectParameters } from "../../kernel/run/parameters.ts";

/** The checkout. */
export const root: string = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

// Below the checkout, so that `import "lclab"` finds this package from there.
const notebooks = join(root, "dist", "test-notebooks");

/** One output of a cell, as in the notebook's file. */
export interface Output {
  readonly output_type: string;
  readonly name?: string;
  readonly text?: string | readonly string[];
  readonly data?: Readonly<Record<string, unknown>>;
  readonly ename?: string;
  readonly evalue?: string;
}

/** JupyterLab in a page. */
export interface Lab {
  readonly page: Page;
  /** Opens a notebook by its path below the checkout and waits for its kernel. */
  open(path: string): Promise<void>;
  /** Starts all cells and returns at once; `finished` waits for the end. */
  runAll(): Promise<void>;
  finished(): Promise<void>;
  /** Selects a cell, counted from 0, and starts it; `cellEnded` waits for the end of the one started last. */
  startCell(index: number): Promise<void>;
  cellEnded(): Promise<void>;
  /** Outputs of each code cell, in order. */
  outputs(): Promise<readonly (readonly Output[])[]>;
  /** Presses the toolbar's ■. */
  interrupt(): Promise<void>;
  /** Restarts the kernel. */
  restart(): Promise<void>;
  setTheme(name: "JupyterLab Light" | "JupyterLab Dark"): Promise<void>;
  /** Scrolls to a cell, counted from 0, and writes test/browser/screenshots/<name>.png. */
  screenshot(name: string, cell: number): Promise<void>;
  close(): Promise<void>;
}

interface Server {
  readonly base: string;
  readonly token: string;
  stop(): Promise<void>;
}

/** What is seen of our figures. */
export const plot = ".jp-NotebookPanel:not(.lm-mod-hidden) .lclab-plotly";

/** How often the figure with that number, from 0, was drawn. */
export async function drawn({ page }: Lab, index: number): Promise<number> {
  return Number(await page.locator(plot).nth(index).getAttribute("data-lclab-renders"));
}

/**
 * For a `describe`: starts JupyterLab before its tests, which are left out where it cannot run, and ends it after them.
 * @param begin What else is to be done before the tests.
 */
export function withLab(
  begin: (lab: Lab) => Promise<void> | void,
  kernels: Readonly<Record<string, object>> = {},
): void {
  let lab: Lab | undefined;
  before(async function () {
    const reason = await missing();
    if (reason !== undefined) {
      process.stdout.write(`    left out: ${reason}\n`);
      this.skip();
    }
    lab = await startLab(kernels);
    await begin(lab);
  });
  after(async () => {
    await lab?.close();
    removeNotebooks();
  });
}

/** Why the browser tests cannot run here, or undefined. `npm test` prepares .venv and finds the browser. */
export async function missing(): Promise<string | undefined> {
  if (process.env.LCLAB_NO_BROWSER_TESTS) return process.env.LCLAB_NO_BROWSER_TESTS;
  const { findChromium } = await script<{ findChromium(): string | undefined }>("chromium.mjs");
  if (findChromium() === undefined)
    return "no Chromium: write CHROMIUM=path, or apt install chromium.";
  const { venvIsReady } = await script<{ venvIsReady(root: string): boolean }>("venv.mjs");
  return venvIsReady(root)
    ? undefined
    : "no .venv with JupyterLab: npm test makes it, mocha alone does not.";
}

/**
 * Starts JupyterLab on a free port, by the code of `npm start`, and a browser on it. `kernels` are kernel specs, by name,
 * that this JupyterLab has besides ours.
 */
async function startLab(kernels: Readonly<Record<string, object>> = {}): Promise<Lab> {
  const { startJupyter } = await script<{
    startJupyter(root: string, options: object): Promise<Server>;
  }>("jupyter.mjs");
  const { freePort } = await script<{ freePort(): Promise<number> }>("checks.mjs");
  const { installKernel } = await script<{ installKernel(root: string): Promise<boolean> }>(
    "venv.mjs",
  );
  await installKernel(root);
  const names = ["lclab", ...Object.keys(kernels)];
  const settings = {
    "LabApp.expose_app_in_browser": "True",
    "KernelSpecManager.allowed_kernelspecs": `{${names.map((name) => `'${name}'`).join(", ")}}`,
  };
  const state = mkdtempSync(join(tmpdir(), "lclab-jupyter-"));
  for (const [name, spec] of Object.entries(kernels)) {
    const folder = join(state, "data", "kernels", name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "kernel.json"), JSON.stringify(spec));
  }
  process.env.LCLAB_HISTORY = join(state, "history"); // not the user's own
  const server = await startJupyter(root, { port: await freePort(), settings, state });
  let browser: Browser | undefined;
  try {
    browser = await startBrowser();
    const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
    return labIn(page, server, async () => {
      await browser?.close();
      await server.stop();
      rmSync(state, { recursive: true, force: true });
    });
  } catch (error) {
    await browser?.close();
    await server.stop();
    throw error;
  }
}

/** Chromium without a window, a profile of before, or talk to anyone. */
export async function startBrowser(): Promise<Browser> {
  const { chromium } = await import("playwright-core");
  const { findChromium } = await script<{ findChromium(): string }>("chromium.mjs");
  const quiet = ["background-networking", "component-update", "gpu", "quic", "sync"];
  return chromium.launch({
    executablePath: findChromium(),
    args: ["--no-sandbox", "--no-first-run", ...quiet.map((name) => `--disable-${name}`)],
  });
}

/** Writes a notebook with these code cells, for our kernel unless told; returns its path below the checkout. */
export function writeNotebook(name: string, cells: readonly string[], kernel = "lclab"): string {
  mkdirSync(notebooks, { recursive: true });
  const cell = (source: string, i: number): object => ({
    cell_type: "code",
    id: `cell-${i}`,
    metadata: {},
    execution_count: null,
    outputs: [],
    source,
  });
  const kernelspec = { name: kernel, display_name: kernel, language: "typescript" };
  const content = {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec },
    cells: cells.map(cell),
  };
  writeFileSync(join(notebooks, name), JSON.stringify(content, null, 1));
  return `dist/test-notebooks/${name}`;
}

/** Makes `import "lclab"` find this checkout from the notebooks as it would find an installed package. */
export function installPackage(): void {
  const packages = join(notebooks, "node_modules");
  mkdirSync(packages, { recursive: true });
  symlinkSync(root, join(packages, "lclab"), "junction");
}

/**
 * Copies a notebook of the checkout, since JupyterLab saves what it runs, with other values for its parameters; returns the copy's
 * path below the checkout.
 */
export function copyNotebook(path: string, parameters: Readonly<Record<string, unknown>>): string {
  const notebook = parseNotebook(readFileSync(join(root, path), "utf8"));
  injectParameters(
    notebook,
    Object.entries(parameters).map(([name, value]) => ({ name, value })),
  );
  mkdirSync(notebooks, { recursive: true });
  writeFileSync(join(notebooks, basename(path)), JSON.stringify(notebook, null, 1));
  return `dist/test-notebooks/${basename(path)}`;
}

/** Removes the notebooks that tests wrote. */
function removeNotebooks(): void {
  rmSync(notebooks, { recursive: true, force: true });
}

async function script<T>(name: string): Promise<T> {
  return (await import(new URL(`../../scripts/${name}`, import.meta.url).href)) as T;
}

function labIn(page: Page, server: Server, close: () => Promise<void>): Lab {
  // In the page; window.jupyterapp is there because of expose_app_in_browser.
  const command = (name: string, args: object = {}): string =>
    `window.jupyterapp.commands.execute(${JSON.stringify(name)}, ${JSON.stringify(args)})`;
  const panel = "window.jupyterapp.shell.currentWidget";
  return {
    page,
    async open(path) {
      const address = path.split("/").map(encodeURIComponent).join("/");
      await page.goto(`${server.base}lab/tree/${address}?reset&token=${server.token}`);
      await page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").first().waitFor();
      await page.evaluate(`${panel}.context.ready`);
      await page.evaluate(`${panel}.sessionContext.ready`);
      await page.waitForFunction(`${panel}.sessionContext.session?.kernel?.status === "idle"`);
    },
    async runAll() {
      await page.evaluate(`void (window.lclabRun = ${command("notebook:run-all-cells")})`);
    },
    async finished() {
      await page.evaluate("window.lclabRun");
    },
    async startCell(index) {
      const run = command("notebook:run-cell");
      await page.evaluate(
        `${panel}.content.activeCellIndex = ${index}; void (window.lclabCell = ${run})`,
      );
    },
    async cellEnded() {
      await page.evaluate("window.lclabCell");
    },
    async outputs() {
      const cells = `${panel}.content.widgets.filter((cell) => cell.model.type === "code")`;
      return page.evaluate(`${cells}.map((cell) => cell.model.toJSON().outputs)`);
    },
    async interrupt() {
      await page
        .locator('.jp-NotebookPanel:not(.lm-mod-hidden) [data-command="notebook:interrupt-kernel"]')
        .click();
    },
    async restart() {
      await page.evaluate(`${panel}.sessionContext.session.kernel.restart()`);
    },
    async setTheme(theme) {
      await page.evaluate(command("apputils:change-theme", { theme }));
      await page.waitForFunction(`document.body.dataset.jpThemeName === ${JSON.stringify(theme)}`);
    },
    async screenshot(name, cell) {
      await page.evaluate(`${panel}.content.scrollToItem(${cell}, "start")`);
      await page.screenshot({ path: join(root, "test/browser/screenshots", `${name}.png`) });
    },
    close,
  };
}
