// Keys for listening: space plays and pauses, x switches between what was asked with and the line, j and k go on and back.

import {onKey} from "../shared/keys.js";
import {current, stop} from "./output.js";

let asked = []; // elements with the lines that were asked with
let last = null; // the line heard last
let lastFound = null; // the line heard last that was not asked with

/** Say which lines x switches to: elements of lineShown, or such that hold them by the time that x is pressed. */
export function compareWith(elements) {
  asked = elements;
}

const isAsked = (line) => asked.some((element) => element.contains(line.element));
const askedLines = () => asked.flatMap((one) => (one.matches(".line") ? [one] : [...one.querySelectorAll(".line")]));

/** Called by a line that begins to play. */
export function heardLine(line) {
  last = line;
  if (!isAsked(line)) lastFound = line;
}

/** Have the keys work on the lines below an element, which `lineOf` tells from their elements. */
export function listenByKeys(root, lineOf) {
  const all = () => [...root.querySelectorAll(".line")].map(lineOf);
  const there = (line) => Boolean(line?.element.isConnected);

  function go(by) {
    const lines = all();
    if (!lines.length) return;
    const place = lines.indexOf(last) + by;
    focusAndPlay(lines[Math.min(Math.max(place, 0), lines.length - 1)]);
  }

  function focusAndPlay(line) {
    line.button.focus({preventScroll: true});
    line.element.scrollIntoView({block: "nearest"});
    line.play();
  }

  onKey(" ", () => (there(last) ? last.toggle() : go(1)));
  onKey("j", () => go(1));
  onKey("k", () => go(-1));
  onKey("x", () => {
    const question = askedLines().map(lineOf).find(there);
    if (!question) return;
    if (current() === question || (current() === null && last === question)) {
      if (there(lastFound)) lastFound.play();
    } else {
      question.play();
    }
  });
  onKey("Escape", () => stop());
}
