// Names of the catalog, offered while somebody types.

import {get} from "../shared/api.js";
import {el} from "../shared/dom.js";

const OFFERED = 20;
const AFTER_MS = 150; // of rest

/** Offer names below an input. `read` takes an answer of `path` with what is typed as `contains`, and gives texts. */
export function suggest(input, path, read, parameters = {}) {
  const offered = el("datalist", {id: `${input.id}-names`});
  input.setAttribute("list", offered.id);
  input.after(offered);
  let timer = null;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const contains = input.value.trim();
      // Without an answer nothing is offered: what is typed still counts.
      const names = contains ? await get(path, {...parameters, contains, limit: OFFERED}).then(read, () => []) : [];
      offered.replaceChildren(...[...new Set(names)].map((value) => el("option", {value})));
    }, AFTER_MS);
  });
}

/** A field of a form with its label; `value` is what the address has. */
export function field(name, label, value, attributes = {}) {
  const input = el("input", {type: "text", id: name, name, value: value ?? "", autocomplete: "off", ...attributes});
  return {input, element: el("div", {class: "field"}, el("label", {for: name}, label), input)};
}
