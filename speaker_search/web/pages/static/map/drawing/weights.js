// The alpha byte of a point's colour tells how much the point matters. What matters less is smaller, paler and below.

export const SMALL = 0.7; // of the diameter, at weight 0
export const FAINT = 0.55; // alpha at weight 0
export const FULL = 0.92; // alpha at weight 255

/** The points in the order in which they are drawn. */
export function byWeight(colours) {
  const starts = new Uint32Array(257);
  for (let at = 3; at < colours.length; at += 4) starts[colours[at] + 1]++;
  for (let weight = 0; weight < 256; weight++) starts[weight + 1] += starts[weight];
  const order = new Uint32Array(colours.length / 4);
  for (let point = 0; point < order.length; point++) order[starts[colours[4 * point + 3]]++] = point;
  return order;
}
