// One character on a cast sheet: who it probably is elsewhere, how sure that is, and the two lines that speak for it.

import {actorShown} from "../judging/credited.js";
import {voiceLink} from "../judging/changes.js";
import {pairShown} from "../judging/pair_lines.js";
import {verdictButtons} from "../judging/verdicts.js";
import {whoShown} from "../judging/who.js";
import {el, said} from "../shared/dom.js";
import {likelyShown} from "../shared/likely.js";
import {characterLink} from "../shared/links.js";
import {number, percent, t} from "../shared/words.js";

const CLEAR = 0.5; // margins in probability
const CLOSE = 0.2;
const NAMED = 4; // roles of a likely voice

const REASONS = {
  repeats: () => t("games.repeats"),
  too_little_speech: () => t("games.too_little_speech"),
  inconsistent: () => t("games.inconsistent"),
  unlike_others: () => t("games.unlike_others"),
};

/** The card of a character of the sheet. */
export function sheetCharacterShown(character) {
  const {likely, lines, disagreeing, reason} = character;
  const facts = el("p", {class: "muted small"}, t("base.clips", {count: character.clips}), " · ", t("games.seconds", {seconds: number(Math.round(character.seconds))}));
  const actor = character.voice_actor ? actorShown({voice_actor: character.voice_actor}) : null;
  const voice = character.voice === null ? null : el("span", {class: "small"}, voiceLink(character.voice));
  const head = el("div", {class: "row spread"}, el("div", {}, el("h2", {}, characterLink(character)), facts), el("div", {class: "row"}, voice, actor));
  const why = reason ? el("p", {class: "note"}, REASONS[reason]?.() ?? reason) : null;
  const none = likely.length ? null : el("p", {class: "muted"}, t("games.nobody"));
  return el("li", {class: "card"}, head, why, none, likelyList(character), lines ? linesShown(character) : null, disagreeing.map(disagreementShown));
}

function likelyList({likely, margin}) {
  if (!likely.length) return null;
  const items = likely.map(({voice, probability, characters}, place) => {
    const names = characters.slice(0, NAMED).flatMap((one, at) => [at ? t("judging.and") : "", characterLink(one), el("span", {class: "muted small"}, " (", said(one.game), ")")]);
    const rest = characters.length - NAMED;
    const which = voice === null ? null : el("span", {class: "small muted"}, voiceLink(voice), " · ");
    const ahead = place === 0 && margin !== null ? el("p", {class: "muted small"}, marginWords(margin)) : null;
    return el("li", {class: "likely-voice"}, el("div", {}, which, names, rest > 0 ? t("judging.others", {count: rest}) : null, ahead), likelyShown(probability));
  });
  return el("ol", {class: "likely-voices"}, items);
}

/** How far the first voice is ahead of the second. */
function marginWords(margin) {
  if (margin < 0) return t("games.margin_behind", {margin: percent(-margin)});
  if (margin >= CLEAR) return t("games.margin_clear", {margin: percent(margin)});
  return margin < CLOSE ? t("games.margin_close", {margin: percent(margin)}) : t("games.margin", {margin: percent(margin)});
}

function linesShown(character) {
  const {clip, other, other_character: otherId} = character.lines;
  const one = character.likely.flatMap(({characters}) => characters).find(({id}) => id === otherId);
  if (!one) return null;
  return el("div", {class: "speaks"}, el("h3", {class: "visually-hidden"}, t("games.lines")), pairShown(whoShown(character), whoShown(one), clip, other), verdictButtons(character, one));
}

function disagreementShown({character, voice_actor: actor}) {
  const who = el("span", {}, characterLink(character), " (", said(character.game), ")");
  return el("p", {class: "problem"}, t("games.disagrees"), el("span", {}, who, ": ", said(actor)));
}
