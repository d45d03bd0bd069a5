import type { Dataset } from "./dataset.ts";
import { recipeOf, withRecipe } from "./recipe.ts";
import { shownDataset } from "./shown.ts";

/** Random changes of the training images, drawn anew for each example and epoch. */
export interface Augmentation {
  /** True: half of the images are mirrored, left to right. */
  readonly flip: boolean;
  /** Pixels of zeros put around an image before a window of its own size is cut out, 0…min(height, width); 0: no crop. */
  readonly crop: number;
}

/**
 * `data` whose training images are flipped and cropped at random while a network trains on them, on the fly: no image is
 * stored twice. Defaults are those of He et al. for CIFAR: flip, and a crop from 4 pixels of padding on each side.
 * Padding, crop, then flip act on the stored pixels, so a padded pixel is 0 before the mean is subtracted (as in
 * torchvision); the mean of the place an image's pixel comes to is subtracted, not of that it comes from. What an image
 * becomes depends on the seed, the epoch and its index only. Evaluation and `fisher` see the images as they are.
 * @throws RangeError if flip is not true or false, or crop not a whole number from 0 to the shorter side of an image.
 * @see He, Zhang, Ren & Sun, 2016, doi:10.1109/CVPR.2016.90 (section 4.2)
 * @example
 * const data = augmented(await cifar10(), { flip: true, crop: 4 });
 */
export function augmented(data: Dataset, options: Partial<Augmentation> = {}): Dataset {
  const { flip = true, crop = 4 } = options;
  const augment = Object.freeze({ flip, crop });
  checkAugmentation("augmented", { ...data, augment });
  const made = recipeOf(data);
  const whole = shownDataset({ ...data, augment });
  return made ? withRecipe(whole, "augmented", { of: made, ...augment }) : whole;
}

/** @throws RangeError if the augmentation of `data` is out of range. */
export function checkAugmentation(who: string, { augment, shape, name }: Dataset): void {
  if (!augment) return;
  const { flip, crop } = augment;
  if (typeof flip !== "boolean") {
    throw new RangeError(`${who}: flip must be true or false, got ${JSON.stringify(flip)}.`);
  }
  const most = Math.min(shape[0], shape[1]);
  if (Number.isInteger(crop) && crop >= 0 && crop <= most) return;
  throw new RangeError(
    `${who}: crop must be a whole number of pixels from 0 (none) to ${most}, the shorter side of the images of ${name}, got ${crop}.`,
  );
}
