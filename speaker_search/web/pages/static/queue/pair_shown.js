// A pair as one listens to it, and what hangs on the answer.

import {pairShown} from "../judging/pair_lines.js";
import {whoShown} from "../judging/who.js";
import {el} from "../shared/dom.js";
import {likelyShown} from "../shared/likely.js";
import {t} from "../shared/words.js";

/** Two characters, their lines side by side, and how likely they are one voice. */
export function listeningPairShown(pair) {
  const [clip, otherClip] = pair.lines;
  const sides = pairShown(headed(pair.one), headed(pair.other), clip, otherClip);
  const likely = el("div", {class: "one-voice"}, el("span", {class: "small muted"}, t("queue.one_voice")), likelyShown(pair.probability));
  return [sides, likely];
}

function headed(character) {
  return el("div", {}, whoShown(character, "h2"), el("p", {class: "muted small how-many"}, t("base.clips", {count: character.clips})));
}

/** What the cast does on the answer "same". */
export function ifSame({joined, sizes}) {
  const whole = sizes[0] + sizes[1];
  if (joined) return t("queue.if_same_joined", {count: whole});
  return whole === 2 ? t("queue.if_same_two") : t("queue.if_same_apart", {few: Math.min(...sizes), more: Math.max(...sizes), count: whole});
}

/** What the cast does on the answer "different". */
export function ifDifferent({joined, sizes}) {
  if (!joined) return t("queue.if_different_apart");
  return t("queue.if_different_joined", {few: Math.min(...sizes), more: Math.max(...sizes)});
}
