/**
 * The entry that JupyterLab's extension loader asks for: a module-federation container, written by hand
 * because it has one module and needs one shared package.
 */
import { plotlyFrom } from "./plotly.ts";
import { renderer, type WidgetClass } from "./renderer.ts";
import { watchTheme } from "./theme.ts";

const name = "lclab-plotly";
const mimeType = "application/vnd.plotly.v1+json";

/** One version of a package in the page's share scope. */
interface SharedVersion {
  get(): Promise<() => unknown>;
  readonly loaded?: unknown;
}

type ShareScope = Readonly<Record<string, Readonly<Record<string, SharedVersion>>>>;

/** Name of the file with Plotly beside this one; set by the build. */
declare const PLOTLY_FILE: string;

declare global {
  interface Window {
    _JUPYTERLAB?: Record<string, unknown>;
  }
}

// Known only while this script runs for the first time.
const ownAddress = (document.currentScript as HTMLScriptElement | null)?.src ?? location.href;
let scope: ShareScope | undefined;

/** The page's own lumino: a second copy would not be recognized as a widget. */
async function luminoWidgets(): Promise<{ Widget: WidgetClass }> {
  const versions = Object.values(scope?.["@lumino/widgets"] ?? {});
  const version = versions.find((each) => each.loaded) ?? versions[0];
  if (!version) throw new Error(`${name}: the page shares no "@lumino/widgets". Use JupyterLab 4.`);
  return (await version.get())() as { Widget: WidgetClass };
}

async function mimeExtension(): Promise<() => unknown> {
  const { Widget } = await luminoWidgets();
  const plotly = plotlyFrom(new URL(PLOTLY_FILE, ownAddress).href);
  const createRenderer = renderer(Widget, mimeType, plotly, watchTheme());
  const extension = {
    id: `${name}:plugin`,
    rendererFactory: { safe: true, mimeTypes: [mimeType], createRenderer },
    // Below the 100 of other renderers: of two that know the type, ours draws.
    rank: 0,
    dataType: "json",
  };
  return () => ({ __esModule: true, default: extension });
}

window._JUPYTERLAB ??= {};
window._JUPYTERLAB[name] = {
  init(shared: ShareScope): void {
    scope = shared;
  },
  get(module: string): Promise<() => unknown> {
    if (module === "./mimeExtension") return mimeExtension();
    return Promise.reject(new Error(`${name}: there is no module ${JSON.stringify(module)}.`));
  },
};
