import { typescriptVersion } from "../typescript/version.ts";
import { type DisplayHandle, display } from "./output.ts";

// A cell may overwrite any global: the runtime keeps those it started with.
const { Object } = globalThis;

type ShowText = (content: string) => void;
type ShowBytes = (content: Uint8Array) => void;

/** tslab's `Display`: each method shows content of one MIME type. */
interface TslabDisplay {
  javascript: ShowText;
  html: ShowText;
  markdown: ShowText;
  latex: ShowText;
  svg: ShowText;
  png: ShowBytes;
  jpeg: ShowBytes;
  gif: ShowBytes;
  pdf: ShowBytes;
  text: ShowText;
  /** Ours; tslab has no such method. */
  json(value: unknown): void;
  /** Bytes become base64; anything else goes out as it is. */
  raw(contentType: string, content: unknown): void;
}

const types = {
  javascript: "text/javascript",
  html: "text/html",
  markdown: "text/markdown",
  latex: "text/latex",
  svg: "image/svg+xml",
  png: "image/png",
  jpeg: "image/jpeg",
  gif: "image/gif",
  pdf: "application/pdf",
  text: "text/plain",
  json: "application/json",
} as const;

function shower(show: (bundle: object) => void): TslabDisplay {
  const raw = (type: string, content: unknown) => show({ [type]: content });
  const each = Object.entries(types).map(([name, type]) => [
    name,
    (content: unknown) => raw(type, content),
  ]);
  return { ...(Object.fromEntries(each) as Omit<TslabDisplay, "raw">), raw };
}

/** The release of tslab whose API this is. */
const version = "1.0.22";

/** What cells and local files get for `import * as tslab from "tslab"`, so that notebooks written for tslab run unchanged. */
export const tslab: Record<string, unknown> = {
  get versions() {
    return { tslab: version, typescript: typescriptVersion(), node: process.version };
  },
  /** A display that each further call replaces. */
  newDisplay(): TslabDisplay {
    let handle: DisplayHandle | undefined;
    return shower((bundle) => {
      if (handle) handle.update(bundle);
      else handle = display(bundle, { raw: true });
    });
  },
  display: shower((bundle) => {
    display(bundle, { raw: true });
  }),
};
tslab.default = tslab;
