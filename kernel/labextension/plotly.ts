/** Loads Plotly when the first figure is drawn, once per page. */

/** What the renderer uses of Plotly. */
export interface Plotly {
  react(node: HTMLElement, figure: PlotlyFigure): Promise<unknown>;
  purge(node: HTMLElement): void;
  readonly Plots: { resize(node: HTMLElement): Promise<unknown> | undefined };
}

export interface PlotlyFigure {
  data: unknown[];
  layout: Record<string, unknown>;
  config: Record<string, unknown>;
  frames?: unknown[];
}

declare global {
  interface Window {
    Plotly?: Plotly;
  }
}

/** A function that resolves with Plotly, loading it from `address` at the first call; a failed load is tried again. */
export function plotlyFrom(address: string): () => Promise<Plotly> {
  let loading: Promise<Plotly> | undefined;
  return () => {
    loading ??= load(address).catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
}

function load(address: string): Promise<Plotly> {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.addEventListener("load", () => {
      if (window.Plotly) resolve(window.Plotly);
      else
        reject(new Error(`lclab-plotly: ${address} defines no Plotly. Run npm run build again.`));
    });
    script.addEventListener("error", () => {
      script.remove();
      reject(new Error(`lclab-plotly: ${address} could not be loaded. Reload the page.`));
    });
    document.head.append(script);
  });
}
