import { createHash } from "node:crypto";
import { storage } from "../charts/panels/storage.ts";
import { svg } from "../charts/svg.ts";
import { type CompressedModel, type EncodedFile, formatVersion } from "../files/file.ts";
import type { Flops } from "../lc/size.ts";
import type { StorageRow } from "../lc/solution.ts";
import type { Task } from "../lc/task.ts";
import type { Layer, LayerSpec, Network } from "../net/network.ts";
import { escapeMarkup, grouped } from "../text.ts";
import { codebooks } from "./codebooks.ts";
import { style } from "./style.ts";

/** All that a card shows. */
export interface Facts {
  readonly title: string;
  readonly notes: string;
  readonly results: Readonly<Record<string, string | number>>;
  readonly date: string | undefined;
  readonly model: CompressedModel["model"];
  readonly tasks: readonly Task[];
  /** θ of each task. */
  readonly thetas: readonly unknown[];
  readonly ratio: number;
  readonly storage: readonly StorageRow[];
  readonly flops: Flops;
  /** Bytes of all numbers packed, and as float32. */
  readonly storedBytes: number;
  readonly denseBytes: number;
  readonly file: (EncodedFile & { readonly entropy: boolean }) | undefined;
  readonly lclab: string;
}

/** The whole page. */
export function page(facts: Facts): string {
  const { title, notes, date, model } = facts;
  const sections = [
    `<header><h1>${text(title)}</h1><p class="sub">${text(subtitle(model.network))}</p></header>`,
    tiles(facts),
    ...notes
      .split(/\n\s*\n/)
      .filter((paragraph) => paragraph.trim() !== "")
      .map((paragraph) => `<p class="notes">${text(paragraph.trim())}</p>`),
    section("Layers", `${chain(model.network)}${layerTable(facts)}`),
    section("Storage", storageMarkup(facts)),
    section("Codebooks", codebooks(facts.tasks, facts.thetas)),
    section("Results", resultTable(facts.results)),
    section("Loading it", loading(facts)),
    section("The file", fileTable(facts)),
    `<footer>Made by lclab ${text(facts.lclab)}${date === undefined ? "" : `, ${text(date)}`}.</footer>`,
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${text(title)}</title>
<style>${style}</style>
</head>
<body><main>
${sections.filter((one) => one !== "").join("\n")}
</main></body>
</html>
`;
}

const text = escapeMarkup;

/** Empty if there is nothing in it. */
function section(title: string, content: string): string {
  return content === "" ? "" : `<section><h2>${title}</h2>\n${content}\n</section>`;
}

function subtitle({ name, input, layers, parameters, loss }: Network): string {
  const count = parameters.reduce((n, { rows, cols }) => n + rows * cols, 0);
  const output = layers.at(-1)?.outputShape ?? input;
  const task = loss === "softmaxCrossEntropy" ? "a classifier" : "a regression";
  return `${name}, ${task}: ${input.join(" × ")} inputs → ${output.join(" × ")} outputs, ${grouped(count)} parameters`;
}

function tiles({ ratio, file, storedBytes, denseBytes, flops, results }: Facts): string {
  const all: [string, string, string][] = [
    [`${ratio.toPrecision(3)} ×`, "smaller", "all numbers, packed"],
    [bytes(storedBytes), "packed", `${bytes(denseBytes)} as float32`],
    ...(file
      ? ([[bytes(file.size.bytes), "the file", `${bytes(file.size.header)} of it header`]] as [
          [string, string, string],
        ])
      : []),
    [count(flops.after), "FLOPs", `${count(flops.before)} before, one inference`],
    ...Object.entries(results)
      .slice(0, 2)
      .map(([name, value]): [string, string, string] => [String(value), name, ""]),
  ];
  const tile = ([value, what, more]: [string, string, string]) =>
    `<div class="tile"><b>${text(value)}</b><span>${text(what)}</span><small>${text(more)}</small></div>`;
  return `<div class="tiles">${all.map(tile).join("")}</div>`;
}

/** The layers as boxes, in order. */
function chain({ input, layers }: Network): string {
  const weighted = (layer: Layer): boolean => layer.parameters.some(({ role }) => role === "w");
  const box = (words: string, shape: readonly number[], strong: boolean) =>
    `<li${strong ? ' class="weighted"' : ""}>${text(words)}<small>${shape.join(" × ")}</small></li>`;
  return `<ol class="chain">${box("input", input, false)}${layers
    .map((layer) => box(words(layer), layer.outputShape, weighted(layer)))
    .join("")}</ol>`;
}

/** A layer with its name if it was given one, and what it reads if that is not the one before. */
function words({ name, spec, inputs }: Layer): string {
  const named = spec.name === undefined ? spec.kind : `${name}: ${spec.kind}`;
  const shortcut = spec.kind === "add" ? ` ${inputs[1]}` : "";
  return `${named}${shortcut}${window(spec)}`;
}

function window(spec: LayerSpec): string {
  if (spec.kind === "conv2d") return ` ${spec.kernel.join(" × ")}`;
  return spec.kind === "maxPool" || spec.kind === "averagePool" ? ` ${spec.size.join(" × ")}` : "";
}

function layerTable({ model, tasks, storage, flops }: Facts): string {
  const rows = storage.map(({ layers, before, parts }, i) => {
    const after = parts.reduce((n, { bits }) => n + bits, 0);
    const shapes = layers.map((layer) => {
      const w = model.network.parameters.find((p) => p.compressible && p.layer === layer);
      return w ? `${w.rows} × ${w.cols}` : "";
    });
    const rest = layers.length === 0;
    return [
      rest ? "everything else" : layers.join(" + "),
      shapes.join(", "),
      rest ? "kept as float32" : (tasks[i]?.compression.name ?? ""),
      grouped(before / 8),
      grouped(after / 8),
      after > 0 ? `${(before / after).toPrecision(3)} ×` : "–",
      rest
        ? grouped(flops.after - flops.tasks.reduce((a, b) => a + b, 0))
        : grouped(flops.tasks[i] ?? 0),
    ];
  });
  const head = ["layers", "weights", "compression", "bytes", "packed", "ratio", "FLOPs"];
  return table(head, rows, 3);
}

/** Columns from `numbers` on are numbers. */
function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numbers: number,
): string {
  const cells = (tag: string, row: readonly string[]) =>
    row
      .map((cell, j) => `<${tag}${j >= numbers ? ' class="n"' : ""}>${text(cell)}</${tag}>`)
      .join("");
  const body = rows.map((row) => `<tr>${cells("td", row)}</tr>`).join("\n");
  const top = head.length > 0 ? `<thead><tr>${cells("th", head)}</tr></thead>` : "";
  return `<div class="wide"><table>${top}<tbody>\n${body}\n</tbody></table></div>`;
}

function storageMarkup({ storage: rows, ratio, model }: Facts): string {
  const { chart } = storage({ storage: rows, ratio, model });
  return `<div class="wide">${svg(chart)}</div>`;
}

function resultTable(results: Facts["results"]): string {
  const rows = Object.entries(results).map(([name, value]) => [name, String(value)]);
  return rows.length > 0 ? table([], rows, 1) : "";
}

function loading({ model, file }: Facts): string {
  const name = fileName(model.network.name);
  const shape = [1, ...model.network.input].join(", ");
  const code = (language: string, lines: readonly string[]) =>
    `<h3>${language}</h3><pre><code>${text(lines.join("\n"))}</code></pre>`;
  return [
    file
      ? code("TypeScript, with lclab", [
          'import { load } from "lclab";',
          `const { model, thetas, table } = await load("${name}.safetensors");`,
        ])
      : "",
    code("Python, with onnxruntime", [
      ...(file ? [`# npx lclab export ${name}.safetensors ${name}.onnx`] : []),
      "import numpy, onnxruntime",
      `session = onnxruntime.InferenceSession("${name}.onnx")`,
      `(output,) = session.run(None, {"input": numpy.zeros((${shape}), numpy.float32)})`,
    ]),
    file
      ? code("Python, with safetensors", [
          `# npx lclab export ${name}.safetensors plain.safetensors --decompress`,
          "from safetensors.numpy import load_file",
          'weights = load_file("plain.safetensors")  # a float32 array for each parameter',
        ])
      : "",
  ].join("\n");
}

/** A name that needs no quotes in a shell. */
function fileName(name: string): string {
  return (
    name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, "") || "net"
  );
}

function fileTable({ file }: Facts): string {
  if (!file) {
    return "<p>A compression of the user's own is in it: it has no file of lclab, and ONNX has its weights as float32.</p>";
  }
  const { size, entropy } = file;
  return table(
    [],
    [
      ["how", entropy ? "save(…, { entropy: true })" : "save(…)"],
      [
        "bytes",
        `${grouped(size.bytes)}: header ${grouped(size.header)}, data ${grouped(size.data)}`,
      ],
      ["SHA-256", createHash("sha256").update(file.bytes).digest("hex")],
      ["format", `safetensors, version ${formatVersion} of lclab's format`],
    ],
    2,
  );
}

function count(n: number): string {
  if (n >= 1e9) return `${(n / 1e9).toPrecision(3)} G`;
  if (n >= 1e6) return `${(n / 1e6).toPrecision(3)} M`;
  return n >= 1e3 ? `${(n / 1e3).toPrecision(3)} k` : String(n);
}

function bytes(n: number): string {
  if (n >= 1e6) return `${(n / 1e6).toPrecision(3)} MB`;
  return n >= 1e3 ? `${(n / 1e3).toPrecision(3)} kB` : `${n} bytes`;
}
