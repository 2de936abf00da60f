// A game's lines of unknown speakers, with the characters that may speak them.

import {pagedList} from "../judging/paged.js";
import {gameOf} from "../judging/who.js";
import {lineShown} from "../player/line.js";
import {get} from "../shared/api.js";
import {el} from "../shared/dom.js";
import {likelyShown} from "../shared/likely.js";
import {characterLink} from "../shared/links.js";
import {percent, t} from "../shared/words.js";

const PAGE = 20;
const SHOWN = 3; // characters of each kind

/** The section of a game's unknown lines. */
export function unknownShown(game) {
  const load = async (cursor) => {
    const {lines, next} = await get(`/v1/games/${game}/unknown`, {limit: PAGE, cursor});
    return {items: lines, next};
  };
  const empty = el("p", {class: "muted"}, t("games.none_unknown"));
  return el("section", {class: "paged", "aria-labelledby": "unknown"}, el("h2", {id: "unknown"}, t("games.unknown")), pagedList(load, shown, {empty}));
}

function shown(line) {
  const nobody = line.nobody === null ? null : el("p", {class: "muted small"}, t("games.nobody_chance", {chance: percent(line.nobody)}));
  const kinds = [suspects(t("games.here"), line.here, false), suspects(t("games.elsewhere"), line.elsewhere, true)];
  return el("li", {class: "card"}, lineShown(line), el("div", {class: "pair"}, kinds), nobody);
}

function suspects(heading, characters, elsewhere) {
  if (!characters.length) return null;
  const items = characters.slice(0, SHOWN).map((one) => el("li", {}, el("div", {}, characterLink(one), " ", elsewhere ? gameOf(one) : null), likelyShown(one.probability)));
  return el("div", {}, el("h3", {class: "small"}, heading), el("ol", {class: "suspects"}, items));
}
