import { type DisplayHandle, display } from "./output.ts";

/** Shows content of one MIME type, as tslab's `display` does. */
type Show = (content: string | Uint8Array) => void;

interface TslabDisplay {
  html: Show;
  javascript: Show;
  markdown: Show;
  svg: Show;
  text: Show;
  jpeg: Show;
  png: Show;
  gif: Show;
  pdf: Show;
  json(value: unknown): void;
  raw(type: string, value: unknown): void;
}

const types = {
  html: "text/html",
  javascript: "application/javascript",
  markdown: "text/markdown",
  svg: "image/svg+xml",
  text: "text/plain",
  jpeg: "image/jpeg",
  png: "image/png",
  gif: "image/gif",
  pdf: "application/pdf",
} as const;

function shower(show: (bundle: object) => void): TslabDisplay {
  const each = Object.entries(types).map(([name, type]) => [
    name,
    (content: string | Uint8Array) =>
      show({ [type]: typeof content === "string" ? content : Uint8Array.from(content) }),
  ]);
  return {
    ...(Object.fromEntries(each) as Record<keyof typeof types, Show>),
    json: (value) => show({ "application/json": value }),
    raw: (type, value) => show({ [type]: value }),
  };
}

/** What a cell gets for `import * as tslab from "tslab"`, so that notebooks written for tslab run unchanged. */
export const tslab: Record<string, unknown> = {
  display: shower((bundle) => {
    display(bundle, { raw: true });
  }),
  /** A display that each further call replaces. */
  newDisplay(): TslabDisplay {
    let handle: DisplayHandle | undefined;
    return shower((bundle) => {
      if (handle) handle.update(bundle);
      else handle = display(bundle, { raw: true });
    });
  },
};
tslab.default = tslab;
