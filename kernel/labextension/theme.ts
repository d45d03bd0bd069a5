/** JupyterLab's colours as a Plotly template, and word of when they change. */

/** Fields under a Plotly `template.layout`. */
export type Template = Record<string, unknown>;

export interface Theme {
  template(): { layout: Template };
  /** Calls `changed` after every change of the page's colours; returns the function that ends this. */
  onChange(changed: () => void): () => void;
}

/**
 * Follows the page's theme. The theme's style sheet takes effect some time after JupyterLab names it on the
 * body; a hidden element whose colour is a theme variable, with a transition on it, reports that moment.
 */
export function watchTheme(): Theme {
  const listeners = new Set<() => void>();
  const notify = (): void => {
    for (const listener of listeners) listener();
  };
  const sentinel = document.createElement("div");
  sentinel.setAttribute("aria-hidden", "true");
  sentinel.style.cssText =
    "position:fixed;width:0;height:0;overflow:hidden;pointer-events:none;" +
    "color:var(--jp-ui-font-color1,#000001);transition:color 1ms";
  sentinel.addEventListener("transitionend", notify);
  document.body.append(sentinel);
  new MutationObserver(notify).observe(document.body, {
    attributes: true,
    attributeFilter: ["data-jp-theme-name", "data-jp-theme-light"],
  });
  return {
    template: () => ({ layout: layoutTemplate() }),
    onChange(changed) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
  };
}

function layoutTemplate(): Template {
  const style = getComputedStyle(document.body);
  const light = document.body.dataset.jpThemeLight !== "false";
  const variable = (name: string, otherwise: string): string =>
    style.getPropertyValue(name).trim() || otherwise;
  const text = light ? "#212121" : "#e0e0e0";
  const font = {
    color: variable("--jp-ui-font-color1", text),
    family: variable("--jp-ui-font-family", "system-ui, sans-serif"),
  };
  const grid = variable("--jp-border-color2", light ? "#e0e0e0" : "#616161");
  const line = variable("--jp-border-color0", light ? "#bdbdbd" : "#757575");
  const axis = { gridcolor: grid, linecolor: line, zerolinecolor: grid, tickcolor: line };
  const background = variable("--jp-layout-color1", light ? "#ffffff" : "#111111");
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font,
    xaxis: axis,
    yaxis: axis,
    hoverlabel: { bgcolor: background, font },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: line, activecolor: font.color },
  };
}
