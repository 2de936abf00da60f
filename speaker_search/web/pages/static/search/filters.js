// Filters: fields with suggestions from the catalog, and a chip for each name that was added.

import {get} from "../shared/api.js";
import {el} from "../shared/dom.js";
import {t} from "../shared/words.js";
import {chipShown} from "./examples.js";
import {filtersSet, LISTS} from "./question.js";

const SUGGESTIONS = 20;
const WAIT_MS = 120; // after the last letter typed
const element = (id) => document.getElementById(id);

/** Have `changed(part of a question)` called when somebody sets a filter. */
export function watchFilters(question, changed) {
  element("filters-form").addEventListener("submit", (event) => event.preventDefault());
  element("by").addEventListener("change", () => changed({by: element("by").value}));
  element("min-clips").addEventListener("change", () => changed({min_clips: Math.max(1, Number(element("min-clips").value) || 1)}));
  for (const name of LISTS) {
    const input = element(name);
    const suggestions = element(`${name}-list`);
    let timer;
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => suggest(name, input.value, suggestions), WAIT_MS);
    });
    input.addEventListener("change", () => {
      const value = input.value.trim();
      input.value = "";
      if (value && !question()[name].includes(value)) changed({[name]: [...question()[name], value]});
    });
  }
}

async function suggest(name, typed, suggestions) {
  const noun = name.endsWith("maker") ? "makers" : "games";
  const found = await get(`/v1/${noun}`, {contains: typed.trim() || null, limit: SUGGESTIONS}).catch(() => null);
  if (!found) return; // a name may still be typed
  const names = new Set(found[noun].map((one) => one.name ?? one.title));
  suggestions.replaceChildren(...[...names].map((value) => el("option", {value})));
}

/** Show the filters of a question. */
export function showFilters(question, changed) {
  element("by").value = question.by;
  element("min-clips").value = question.min_clips;
  for (const name of LISTS) {
    const without = (value) => () => changed({[name]: question[name].filter((one) => one !== value)});
    element(`${name}-chosen`).replaceChildren(...question[name].map((value) => chipShown(value, without(value))));
  }
  const set = filtersSet(question);
  element("filters-set").textContent = set ? t("search.filters_set", {count: set}) : "";
}
