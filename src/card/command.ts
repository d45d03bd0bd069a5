import { isFree, mayLimit } from "../files/command.ts";
import { openSource } from "../files/source.ts";
import { type CardOptions, card, saveCard } from "./card.ts";

/**
 * `lclab card`: writes the card of the network in a file or a run's folder.
 * @returns The exit code: 1 if `out` is there already, 2 if a folder is given a limit.
 */
export async function cardCommand(
  path: string,
  out: string,
  {
    force,
    maxBytes,
    ...options
  }: CardOptions & { readonly force: boolean; readonly maxBytes?: number },
): Promise<number> {
  if (!(await mayLimit("card", path, maxBytes))) return 2;
  if (!(await isFree("card", out, force))) return 1;
  const source = await openSource(path, maxBytes === undefined ? {} : { maxBytes });
  const made = card(source, options);
  await saveCard(made, out);
  console.log(`${made.title}: ${out}`);
  return 0;
}
