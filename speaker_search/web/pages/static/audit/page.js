// Credits compared with the voices: the ones in doubt, contradicted ones, and actors who sound like one person.

import {listenToPairs, pairShown} from "../judging/pair_lines.js";
import {verdictButtons} from "../judging/verdicts.js";
import {whoShown} from "../judging/who.js";
import {get} from "../shared/api.js";
import {el, said} from "../shared/dom.js";
import {likelyShown} from "../shared/likely.js";
import {characterLink} from "../shared/links.js";
import {problemShown} from "../shared/problems.js";
import {fromServer} from "../shared/server_words.js";
import {t} from "../shared/words.js";

const LIMIT = 50;

const root = document.getElementById("audit");
listenToPairs(root);
start();

async function start() {
  try {
    const audit = await get("/v1/credits/audit", {limit: LIMIT});
    const warnings = audit.warnings.map((warning) => el("p", {class: "note"}, fromServer(warning)));
    root.replaceChildren(
      el("p", {}, audit.audited ? t("audit.audited", {count: audit.audited}) : t("audit.none_audited")),
      ...warnings,
      section("doubtful", t("audit.doubtful"), audit.doubtful, doubtfulShown, audit.audited ? t("audit.none_doubtful") : undefined),
      section("contradicted", t("audit.contradicted"), audit.contradicted, contradictedShown),
      section("recast", t("audit.recast"), audit.recast, (one) => el("li", {class: "card"}, whoShown(one))),
      section("pen-names", t("audit.pen_names"), audit.pen_names, onePersonShown),
    );
  } catch (error) {
    root.replaceChildren(problemShown(error));
  }
}

/** A list under its heading; without entries what `none` says, or nothing. */
function section(id, heading, entries, show, none = null) {
  if (!entries.length && none === null) return "";
  const list = entries.length ? el("ul", {class: "cards"}, entries.map(show)) : el("p", {class: "card"}, none);
  return el("section", {class: "paged", "aria-labelledby": id}, el("h2", {id}, heading), list);
}

function doubtfulShown(one) {
  const head = el("div", {}, whoShown(one.character, "h3"), el("p", {}, t("audit.credited_to"), " ", said(one.voice_actor, {}, "strong")));
  return el(
    "li",
    {class: "card"},
    head,
    compared(t("audit.role", {count: one.roles}), one.character, one.role, one.probability, one.role_lines, one.voice_actor),
    compared(t("audit.nearest"), one.character, one.nearest, one.nearest_probability, one.nearest_lines, one.nearest_voice_actor),
  );
}

/** A character beside another one: how likely they are one voice, the lines to hear, a verdict. */
function compared(heading, character, other, probability, lines, actor) {
  const place = el("div");
  if (lines) {
    Promise.all([get(`/v1/clips/${lines.clip_id}`), get(`/v1/clips/${lines.other_clip_id}`)]).then(
      (clips) => place.append(pairShown(whoShown(character), whoShown(other), ...clips)),
      (error) => place.append(problemShown(error)),
    );
  }
  const name = el("p", {}, characterLink(other), actor ? [" · ", said(actor)] : null);
  const head = el("div", {class: "compared-head"}, el("div", {}, el("h4", {class: "small muted"}, heading), name), likelyShown(probability));
  return el("div", {class: "compared"}, head, place, verdictButtons(character, other));
}

function contradictedShown({one, other, voice_actors: actors, verdict}) {
  const words = verdict === "same" ? t("judging.same") : t("judging.different");
  return el("li", {class: "card"}, el("div", {class: "pair"}, whoShown(one), whoShown(other)), el("p", {}, el("strong", {}, words), " · ", said(actors.join(", "))));
}

function onePersonShown(one) {
  const names = el("p", {}, said(one.one, {}, "strong"), " = ", said(one.other, {}, "strong"), "?");
  const support = t("audit.support", {alike: one.alike, pairs: one.pairs, shared: one.shared_games});
  return el("li", {class: "card"}, names, likelyShown(one.probability), el("p", {class: "muted small"}, support));
}
