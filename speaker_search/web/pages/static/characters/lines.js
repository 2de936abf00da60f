// A character's lines to hear, and those that were refused.

import {pagedList} from "../judging/paged.js";
import {lineShown} from "../player/line.js";
import {get} from "../shared/api.js";
import {el, said} from "../shared/dom.js";
import {t} from "../shared/words.js";

const PAGE = 12;

const REASONS = {
  missing: () => t("characters.missing"),
  not_audio: () => t("characters.not_audio"),
  silent: () => t("characters.silent"),
  too_short: () => t("characters.too_short"),
  too_long: () => t("characters.too_long"),
  unreadable: () => t("characters.unreadable"),
  empty: () => t("characters.empty"),
  not_finite: () => t("characters.not_finite"),
  crashed: () => t("characters.crashed"),
  timed_out: () => t("characters.timed_out"),
  kills_worker: () => t("characters.kills_worker"),
  no_speech: () => t("characters.no_speech"),
};

/** The section of the lines that can be found. */
export function linesShown({id}) {
  const empty = el("p", {class: "muted"}, t("characters.no_lines"));
  const list = pagedList(loading(id, "embedded"), (clip) => el("li", {}, lineShown(clip)), {empty, attributes: {class: "lines"}});
  return el("section", {class: "card", "aria-labelledby": "lines"}, el("h2", {id: "lines"}, t("characters.lines")), list);
}

/** The lines that were refused, with the reason of each; nothing where there are none. */
export function refusedShown({id}) {
  const section = el("section", {class: "card", "aria-labelledby": "refused", hidden: true}, el("h2", {id: "refused"}, t("characters.refused")));
  const load = async (cursor) => {
    const page = await loading(id, "refused")(cursor);
    if (page.items.length) section.hidden = false;
    return page;
  };
  section.append(pagedList(load, refused, {empty: "", attributes: {class: "lines"}}));
  return section;
}

function refused({text, reason}) {
  const words = el("span", {class: "chip"}, REASONS[reason]?.() ?? reason.replaceAll("_", " "));
  return el("li", {class: "row"}, text ? said(text) : el("span", {class: "muted"}, t("characters.no_text")), words);
}

function loading(id, state) {
  return async (cursor) => {
    const {clips, next} = await get("/v1/clips", {character_id: id, state, limit: PAGE, cursor});
    return {items: clips, next};
  };
}
