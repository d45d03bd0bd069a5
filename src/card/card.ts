import { partsOf } from "../compression/contract.ts";
import { type CompressedModel, encodeFile } from "../files/file.ts";
import { checkDeltas } from "../files/save.ts";
import { flopsOf, sizeOf } from "../lc/size.ts";
import { type Scores, storageOf } from "../lc/solution.ts";
import { type Displayable, displaySymbol } from "../notebook.ts";
import { atOnce } from "../rest.ts";
import { writeDurably } from "../runs/durable.ts";
import { version } from "../runs/record.ts";
import { escapeMarkup, grouped } from "../text.ts";
import { type Facts, page } from "./page.ts";

/** What is on a card besides what the network itself says. */
export interface CardOptions {
  /** Default: the network's name. */
  readonly title?: string;
  /** A few sentences: what it was trained on, what it is for. A blank line begins a paragraph. */
  readonly notes?: string;
  /** More results by name, e.g. `{ "test error": "1.97 %" }`. Losses and errors of a solution are there already. */
  readonly results?: Readonly<Record<string, string | number>>;
  /** Date as it will stand there; none is taken from the clock, so that the same network gives the same bytes. */
  readonly date?: string;
}

/** One page about a compressed network. */
export interface Card extends Displayable {
  readonly title: string;
  /** A whole HTML page without scripts, that needs no network; light or dark as its reader likes. */
  toHTML(): string;
}

/**
 * A page that says what a compressed network is: its layers and their compressions, bytes, FLOPs, storage by part, codebooks,
 * results, and how to load it, with the checksum of the file that `save` writes, which is made for it. The same network and options
 * give the same bytes.
 * @param of A solution, or what `load` gave.
 * @throws RangeError for an option that is no text; or if the weights are not Δ(θ), as of a model that was trained after it was
 *   compressed: `save` has no file of it.
 * @example
 * await saveCard(card(solution, { notes: "Trained on MNIST." }), "lenet300.html");
 */
export function card(of: CompressedModel & Scores, options: CardOptions = {}): Card {
  const { title = of.model.network.name, notes = "", results = {}, date } = options;
  for (const [option, value] of Object.entries({ title, notes, date: date ?? "" })) {
    if (typeof value === "string") continue;
    throw new RangeError(`card: ${option} must be text, got ${JSON.stringify(value)}.`);
  }
  const facts = factsOf(of, { title, notes, results: { ...scoresOf(of), ...results }, date });
  const summary = `${title}: ${facts.ratio.toPrecision(3)} × smaller, ${grouped(facts.storedBytes)} bytes`;
  return Object.freeze({
    title,
    toHTML: () => page(facts),
    [displaySymbol]: () => ({
      "text/plain": summary,
      // In a frame, as the page has styles of its own.
      "text/html": `<iframe title="${escapeMarkup(title)}" sandbox style="width:100%;height:640px;border:0" srcdoc="${escapeMarkup(page(facts))}"></iframe>`,
    }),
  });
}

/** Writes a card as one HTML file. @throws LCError LC_DISK if it cannot be written; what was there is kept. */
export async function saveCard(of: Card, path: string): Promise<void> {
  await writeDurably(path, new TextEncoder().encode(of.toHTML()));
}

function factsOf(
  of: CompressedModel,
  given: Pick<Facts, "title" | "notes" | "results" | "date">,
): Facts {
  const { model, tasks, thetas } = of;
  const own = tasks.map(({ layers }) => thetas[layers[0] as string]);
  const { bits, restBits, ratio } = sizeOf(model.network, tasks, own);
  const rows = storageOf(model, tasks, own);
  return {
    ...given,
    ...{ model, tasks, thetas: own, ratio, storage: rows },
    flops: flopsOf(model, tasks, own),
    storedBytes: (bits + restBits) / 8,
    denseBytes: rows.reduce((total, { before }) => total + before, 0) / 8,
    file: fileOf(of),
    lclab: version(),
  };
}

/** The file that `save` writes of it, or wrote; undefined if a compression is the user's own. */
function fileOf(of: CompressedModel): Facts["file"] {
  const known = of.tasks.every(({ compression }) =>
    partsOf(compression).every(({ spec }) => spec !== undefined),
  );
  if (!known) return undefined;
  const { file } = of as { file?: { parts?: readonly { coded: boolean }[] } };
  const entropy = file?.parts?.some(({ coded }) => coded) ?? false;
  const encoded = encodeFile(of, entropy);
  atOnce(checkDeltas("card", of));
  return { ...encoded, entropy };
}

function scoresOf({ trainLoss, testErrors, testError }: Scores): Record<string, string> {
  return {
    ...(trainLoss === undefined ? {} : { "training loss": trainLoss.toPrecision(4) }),
    ...(testError === undefined ? {} : { "test error": `${testError.toFixed(2)} %` }),
    ...(testErrors === undefined ? {} : { "test errors": grouped(testErrors) }),
  };
}
