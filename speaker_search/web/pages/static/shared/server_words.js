// What the server says in English, in the reader's language. A sentence that is not known stays English.

import {el} from "./dom.js";
import {language, sentences} from "./words.js";

let known = null; // patterns with their words: those that begin with a text first, then those with the most text

/** A text of the server as nodes. */
export function fromServer(text) {
  const [said, rest] = translated(text.trim());
  const english = rest && el("span", {lang: language === "en" ? null : "en"}, rest.replaceAll("`", ""));
  return [said, said && rest ? " " : null, english].filter(Boolean);
}

/** What is known of a text in the reader's language, and the rest of it. */
function translated(text) {
  known ??= Object.entries(sentences).map(pattern).sort((one, other) => other.weight - one.weight);
  for (const {sentence, words} of known) {
    const found = sentence.exec(text);
    if (!found) continue;
    const said = words.replace(/\{(\d)\}/g, (_, place) => value(found[place]));
    const [more, rest] = found.groups?.rest ? translated(found.groups.rest) : ["", ""];
    return [said + more, rest];
  }
  return ["", text];
}

/** A value within a sentence: it may be known, too. */
function value(text) {
  const [said, rest] = translated(text);
  return said && !rest ? said : text;
}

function pattern([english, words]) {
  const parts = english.split(/\{\d\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const begins = english.endsWith(": "); // and what follows is a sentence of its own
  const ends = begins ? "(?<rest>.+)" : /[.?]$/.test(english) ? "(?:\\s+(?<rest>.+))?" : "";
  const weight = parts.join("").length + (parts[0] ? 1000 : 0);
  return {sentence: new RegExp(`^${parts.join("(.+?)")}${ends}$`, "s"), words, weight};
}
