// Points on a canvas without a GPU: discs stamped into the pixels of an image. Where WebGL is computed by the processor,
// 100,000 points take 80 ms that way and 5 ms this way.

import {alphaOf, byWeight, sizeOf} from "./weights.js";

const PAD = 40; // pixels on each side of the image, for discs that reach over its edges
const stamps = new Map(); // diameter -> offsets of its pixels, by the width of the image

/** What draws points on a canvas, with the functions of pointsByGl. */
export function pointsByPixels(canvas) {
  const context = canvas.getContext("2d", {alpha: false});
  let [from, to, colours, order] = [null, null, null, null];
  let mixed = null; // the colours as pixels, over `below`
  let below = null;
  let image = null;

  function paint(bytes) {
    colours = bytes;
    order = byWeight(bytes);
    mixed = null;
  }

  function fill(before, after, bytes) {
    [from, to] = [before, after];
    paint(bytes);
  }

  function draw(view, {moved, size, background}) {
    const [wide, tall] = [canvas.width + 2 * PAD, canvas.height + 2 * PAD];
    if (image?.width !== wide || image.height !== tall) {
      image = new ImageData(wide, tall);
      stamps.clear();
    }
    const pixels = new Uint32Array(image.data.buffer);
    pixels.fill(pixelOf(...background, background, 1));
    if (from) {
      if (mixed === null || String(below) !== String(background)) [mixed, below] = [mixedOver(background), background];
      stampAll(pixels, wide, tall, view, moved, size * (canvas.width / view.width));
    }
    context.putImageData(image, -PAD, -PAD);
  }

  function mixedOver(background) {
    const found = new Uint32Array(colours.length / 4);
    for (let point = 0, at = 0; point < found.length; point++, at += 4) {
      found[point] = pixelOf(colours[at], colours[at + 1], colours[at + 2], background, alphaOf(colours[at + 3]));
    }
    return found;
  }

  function stampAll(pixels, wide, tall, view, moved, size) {
    const scale = view.scale * (canvas.width / view.width);
    const left = wide / 2 - view.x * scale;
    const top = tall / 2 - view.y * scale;
    const [reach, right, bottom] = [PAD / 2, wide - PAD / 2, tall - PAD / 2];
    let weight = -1;
    let stamp = null;
    for (let turn = 0; turn < order.length; turn++) {
      const point = order[turn];
      let x = to[2 * point];
      let y = to[2 * point + 1];
      if (moved < 1) {
        x = from[2 * point] + (x - from[2 * point]) * moved;
        y = from[2 * point + 1] + (y - from[2 * point + 1]) * moved;
      }
      x = left + scale * x;
      y = top + scale * y;
      if (x < reach || y < reach || x >= right || y >= bottom) continue;
      if (colours[4 * point + 3] !== weight) {
        weight = colours[4 * point + 3];
        stamp = stampOf(Math.min(PAD - 2, Math.max(1, Math.round(size * sizeOf(weight)))), wide);
      }
      const at = ((y - stamp.half + 0.5) | 0) * wide + ((x - stamp.half + 0.5) | 0);
      const colour = mixed[point];
      const {full, soft} = stamp;
      for (let place = 0; place < full.length; place++) pixels[at + full[place]] = colour;
      for (let place = 0; place < soft.length; place++) {
        const below = pixels[at + soft[place]]; // half of it stays: a soft edge
        pixels[at + soft[place]] = (((below & 0xfefefe) >>> 1) + ((colour & 0xfefefe) >>> 1)) | 0xff000000;
      }
    }
  }

  return {fill, paint, draw};
}

/** A colour over a background as a pixel, which lies in memory as RGBA. */
function pixelOf(red, green, blue, below, alpha) {
  const mixed = (above, place) => Math.round(above * alpha + below[place] * (1 - alpha));
  return (255 << 24) | (mixed(blue, 2) << 16) | (mixed(green, 1) << 8) | mixed(red, 0);
}

/** The pixels of a disc, as offsets from its top left one: those that it fills, and those that it touches. */
function stampOf(diameter, wide) {
  if (stamps.has(diameter)) return stamps.get(diameter);
  const [full, soft] = [[], []];
  const half = diameter / 2;
  for (let row = 0; row < diameter; row++) {
    for (let column = 0; column < diameter; column++) {
      const beyond = Math.hypot(column + 0.5 - half, row + 0.5 - half) - half;
      if (beyond < -0.35 || diameter < 3) full.push(row * wide + column);
      else if (beyond < 0.35) soft.push(row * wide + column);
    }
  }
  const stamp = {half, full: Int32Array.from(full), soft: Int32Array.from(soft)};
  stamps.set(diameter, stamp);
  return stamp;
}
