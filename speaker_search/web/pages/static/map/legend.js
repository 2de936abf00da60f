// The legend: what each colour means, and a switch for each that leaves only its points coloured.

import {el, said} from "../shared/dom.js";
import {number} from "../shared/words.js";

/** Fill the list; `lit` are the entries that are chosen, `ontoggle(entry)` is called for one that is pressed. */
export function showLegend(list, legend, lit, ontoggle) {
  const focused = [...list.children].findIndex((item) => item.contains(document.activeElement));
  list.replaceChildren(...legend.map((entry) => el("li", {}, entryShown(entry, lit.has(entry), () => ontoggle(entry)))));
  list.children[focused]?.firstElementChild.focus();
}

function entryShown(entry, isLit, ontoggle) {
  const swatch = el("span", {class: "map-swatch", "aria-hidden": "true"});
  const {hues} = entry;
  const stops = hues.map((hue, place) => `${hue} ${(100 * place) / hues.length}% ${(100 * (place + 1)) / hues.length}%`);
  swatch.style.background = hues.length > 1 ? `conic-gradient(${stops.join(", ")})` : hues[0];
  const count = el("span", {class: "muted small"}, number(entry.count));
  return el("button", {type: "button", "aria-pressed": String(isLit), onclick: ontoggle}, swatch, said(entry.words), count);
}
