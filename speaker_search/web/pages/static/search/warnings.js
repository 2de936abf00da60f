// The warnings of an answer in the reader's language. Those that are not known here are shown in the server's words.

import {el} from "../shared/dom.js";
import {t} from "../shared/words.js";

const SEVERAL = /Several people speak/;
const KNOWN = [
  [/(?<count>[\d.]+) s of audio is little/, (found) => t("warning.short", found)],
  [/No probability: a search with `unlike`/, () => t("warning.unlike")],
  [/No probability: the catalog holds too few/, () => t("warning.small_catalog")],
  [/Provisional, because clips are still/, () => t("warning.provisional")],
  [/Provisional, because scores are/, () => t("warning.calibrating")],
  [/left out, because stored vectors are damaged/, () => t("warning.damaged")],
  [/There are no pages beyond/, () => t("warning.last_page")],
  [/No speech was found/, () => t("warning.no_speech")],
  [/Noise or music is as loud/, () => t("warning.loud_noise")],
  [/There is noise or music under/, () => t("warning.noise")],
  [/The recording is clipped/, () => t("warning.clipped")],
  [/There is no sound above 4 kHz/, () => t("warning.narrow")],
  [/Searched with (?<speech>[\d.]+) s of speech in (?<whole>[\d.]+) s/, (found) => t("warning.speech", found)],
  [SEVERAL, () => t("warning.several")],
];

/** Whether a warning says that several people speak. */
export function isOfSeveral(words) {
  return SEVERAL.test(words);
}

/** A list of the warnings; null without any. */
export function warningsShown(warnings) {
  if (!warnings.length) return null;
  return el("div", {class: "note"}, el("ul", {class: "warnings"}, [...new Set(warnings)].map(warning)));
}

function warning(words) {
  for (const [pattern, say] of KNOWN) {
    const found = pattern.exec(words);
    if (found) return el("li", {}, say({...found.groups}));
  }
  return el("li", {lang: "en"}, words.replaceAll("`", ""));
}
