import { displayed } from "../notebook.ts";
import { grouped } from "../text.ts";
import type { Dataset } from "./dataset.ts";

/** A data set that shows itself in a notebook as one line: `data` itself. */
export function shownDataset<Data extends Dataset>(data: Data): Data {
  return displayed(data, ({ name, source, shape, classes, train, test, augment }) => {
    const images = `${grouped(train.count)} training and ${grouped(test.count)} test images of ${shape.join(" × ")}`;
    const changes = [
      ...(augment?.flip ? ["flipped"] : []),
      ...(augment && augment.crop > 0 ? [`cropped from ${augment.crop} pixels of padding`] : []),
    ];
    const facts = [
      `${name}: ${images}, ${classes} classes`,
      source,
      ...(changes.length > 0 ? [`training images ${changes.join(" and ")} at random`] : []),
    ];
    return { "text/plain": facts.join(" · ") };
  });
}
