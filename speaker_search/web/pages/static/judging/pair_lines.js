// Two lines to compare by ear. x goes from one to the other.

import {lineOf, lineShown} from "../player/line.js";
import {current, output} from "../player/output.js";
import {listenByKeys} from "../player/switching.js";
import {el} from "../shared/dom.js";
import {onKey} from "../shared/keys.js";

const others = new WeakMap(); // element of a line -> the line that it is compared with
let heard = null; // the element heard last of those

/** The elements of two lines that x switches between. */
export function comparedLines(one, other, labels = [one.text, other.text]) {
  const both = [lineShown(one, {label: labels[0]}), lineShown(other, {label: labels[1]})];
  others.set(both[0], lineOf(both[1]));
  others.set(both[1], lineOf(both[0]));
  return both;
}

/** Two lines side by side, each under whose it is. */
export function pairShown(one, other, clip, otherClip) {
  const lines = comparedLines(clip, otherClip);
  const side = (who, line) => el("div", {class: "side"}, who, line);
  return el("div", {class: "pair"}, side(one, lines[0]), side(other, lines[1]));
}

/** Have the keys of the player work below an element, and x switch within pairs. */
export function listenToPairs(root) {
  listenByKeys(root, lineOf);
  onKey("x", () => {
    if (!heard?.isConnected) heard = null;
    if (heard !== null) return others.get(heard).play();
    const first = [...root.querySelectorAll(".line")].find((line) => others.has(line));
    if (first) lineOf(first).play();
  });
}

output.addEventListener("change", () => {
  const element = current()?.element;
  if (element && others.has(element)) heard = element;
});
