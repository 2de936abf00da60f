// A probability as a bar and in words.

import {el} from "./dom.js";
import {percent, t} from "./words.js";

const VERY_LIKELY = 0.9;
const MAYBE = 0.5;

/** The words of a probability; null says that nobody can tell. */
export function likelyWords(probability) {
  if (probability === null) return t("likely.unknown");
  if (probability >= VERY_LIKELY) return t("likely.very");
  return probability >= MAYBE ? t("likely.maybe") : t("likely.unlikely");
}

/** The bar with its words. */
export function likelyShown(probability) {
  const part = el("div", {class: "likely-part"});
  part.style.width = `${(probability ?? 0) * 100}%`;
  const words = el("span", {class: "likely-words"}, el("strong", {}, likelyWords(probability)));
  if (probability !== null) words.append(` ${percent(probability)}`);
  const unlikely = probability !== null && probability < MAYBE ? "is-unlikely" : "";
  return el("div", {class: `likely ${unlikely}`}, el("div", {class: "likely-bar", "aria-hidden": "true"}, part), words);
}
