import { type Augmentation, augmented } from "./augment.ts";
import { cifar10 } from "./cifar.ts";
import type { Dataset } from "./dataset.ts";
import { digits } from "./digits.ts";
import { fashionMnist, mnist, mnistOrDigits } from "./mnist.ts";
import type { Recipe } from "./recipe.ts";

const readers: Readonly<Record<string, (options: never) => Dataset | Promise<Dataset>>> = {
  augmented: async ({ of, ...options }: Augmentation & { readonly of: Recipe }) =>
    augmented(await fromRecipe(of), options),
  cifar10,
  digits,
  fashionMnist,
  mnist,
  mnistOrDigits,
};

/**
 * Makes a data set again from its recipe.
 * @throws RangeError for a reader there is not; what the reader throws.
 */
export async function fromRecipe({ reader, options }: Recipe): Promise<Dataset> {
  const read = readers[reader];
  if (!read) {
    throw new RangeError(
      `there is no reader "${reader}" of data sets. They are ${Object.keys(readers).join(", ")}.`,
    );
  }
  return read(options as never);
}
