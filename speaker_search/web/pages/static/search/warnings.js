// The warnings of an answer in the reader's language.

import {el} from "../shared/dom.js";
import {fromServer} from "../shared/server_words.js";

/** Whether a warning says that several people speak. */
export function isOfSeveral(warning) {
  return /Several people speak/.test(warning);
}

/** A list of the warnings; null without any. */
export function warningsShown(warnings) {
  if (!warnings.length) return null;
  return el("div", {class: "note"}, el("ul", {class: "warnings"}, [...new Set(warnings)].map((one) => el("li", {}, fromServer(one)))));
}
