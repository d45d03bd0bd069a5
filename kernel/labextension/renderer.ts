/** The widget that draws a Plotly figure in an output area and keeps its node over updates. */
import type { Plotly, PlotlyFigure } from "./plotly.ts";
import type { Theme } from "./theme.ts";

/** What we use of lumino's Widget. */
export interface WidgetInstance {
  readonly node: HTMLElement;
  readonly isDisposed: boolean;
  addClass(name: string): void;
  dispose(): void;
  onAfterShow(message: unknown): void;
  onAfterAttach(message: unknown): void;
}

export type WidgetClass = new () => WidgetInstance;

interface MimeModel {
  readonly data: Readonly<Record<string, unknown>>;
}

/** Always so: nothing is offered for upload, no logo, and the figure follows the window. */
const config = { showSendToCloud: false, displaylogo: false, responsive: true };

/** Pixels of a figure that names no height, as Plotly has it. */
const defaultHeight = 450;

/** A factory of renderers for JupyterLab's registry. */
export function renderer(
  Widget: WidgetClass,
  mimeType: string,
  loadPlotly: () => Promise<Plotly>,
  theme: Theme,
): () => WidgetInstance {
  class PlotlyWidget extends Widget {
    #figure: PlotlyFigure | undefined;
    #plotly: Plotly | undefined;
    #drawing: Promise<void> | undefined;
    #stale = false;
    #renders = 0;
    #width = 0;
    readonly #stopTheme: () => void;
    readonly #observer: ResizeObserver;

    constructor() {
      super();
      this.addClass("lclab-plotly");
      this.node.style.width = "100%";
      this.#stopTheme = theme.onChange(() => void this.#draw());
      this.#observer = new ResizeObserver(() => this.#resize());
      this.#observer.observe(this.node);
    }

    /** Called again with each update of the same output, so that the figure changes in place. */
    renderModel(model: MimeModel): Promise<void> {
      this.#figure = read(model.data[mimeType]);
      return this.#draw();
    }

    override onAfterAttach(message: unknown): void {
      super.onAfterAttach(message);
      this.#resize();
    }

    override onAfterShow(message: unknown): void {
      super.onAfterShow(message);
      this.#resize();
    }

    override dispose(): void {
      if (this.isDisposed) return;
      this.#observer.disconnect();
      this.#stopTheme();
      this.#figure = undefined;
      this.#plotly?.purge(this.node);
      super.dispose();
    }

    /** One drawing at a time; what arrives meanwhile is drawn after it, the last only. */
    #draw(): Promise<void> {
      this.#stale = true;
      this.#drawing ??= this.#drawWhileStale().finally(() => {
        this.#drawing = undefined;
      });
      return this.#drawing;
    }

    async #drawWhileStale(): Promise<void> {
      this.#plotly ??= await loadPlotly();
      while (this.#stale && this.#figure && !this.isDisposed) {
        this.#stale = false;
        const figure = themed(this.#figure, theme);
        // When it resizes, Plotly forgets layout.height and takes its node's, which must therefore have one.
        this.node.style.height = `${Number(figure.layout.height) || defaultHeight}px`;
        await this.#plotly.react(this.node, figure);
        this.#renders++;
        this.node.dataset.lclabRenders = String(this.#renders);
      }
    }

    #resize(): void {
      const { clientWidth } = this.node;
      if (!this.#plotly || this.#renders === 0 || clientWidth === 0 || clientWidth === this.#width)
        return;
      this.#width = clientWidth;
      void this.#plotly.Plots.resize(this.node);
    }
  }
  return () => new PlotlyWidget();
}

/** The figure in a bundle; one without data draws empty axes rather than nothing. */
function read(value: unknown): PlotlyFigure {
  const figure = (
    typeof value === "object" && value !== null ? value : {}
  ) as Partial<PlotlyFigure>;
  return {
    data: Array.isArray(figure.data) ? figure.data : [],
    layout: figure.layout ?? {},
    config: figure.config ?? {},
    ...(Array.isArray(figure.frames) ? { frames: figure.frames } : {}),
  };
}

/** A copy, since Plotly writes into what it draws; the theme lies under what the figure says itself. */
function themed(figure: PlotlyFigure, theme: Theme): PlotlyFigure {
  const copy = JSON.parse(JSON.stringify(figure)) as PlotlyFigure;
  const { layout } = copy;
  layout.template = merged(theme.template(), layout.template);
  layout.uirevision ??= "lclab";
  layout.autosize ??= layout.width === undefined;
  return { ...copy, config: { ...copy.config, ...config } };
}

function merged(under: unknown, over: unknown): unknown {
  if (over === undefined || over === null) return under;
  if (!isRecord(under) || !isRecord(over)) return over;
  const result: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) result[key] = merged(under[key], value);
  return result;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
