// How far one has come, and what to do where nothing is left.

import {linked} from "../shared/links.js";
import {button, el} from "../shared/dom.js";
import {fromServer} from "../shared/server_words.js";
import {number, t} from "../shared/words.js";

const LATEST = 20; // answers that the rate is taken from
const A_MINUTE_MS = 60_000;

/** The figures of a sitting: answered, a minute, left. */
export function progressShown(sitting, pairs) {
  const answered = sitting.filter(({answer}) => answer !== null);
  const latest = answered.slice(-LATEST);
  const took = latest.length > 1 ? latest.at(-1).at - latest[0].at : 0;
  const rate = took ? number(Math.round(((latest.length - 1) * A_MINUTE_MS) / took)) : "–";
  const left = pairs.left === null ? t("queue.at_least", {count: pairs.ready.length}) : number(pairs.left);
  return [
    figure(number(answered.length), t("queue.answered")),
    figure(rate, t("queue.a_minute")),
    figure(left, t("queue.left")),
  ];
}

function figure(value, words) {
  return el("span", {class: "figure"}, el("strong", {}, value), el("span", {class: "muted small"}, words));
}

/** Why the queue is empty, and what to do. `again` has those skipped asked again. */
export function emptyShown(pairs, done, again) {
  const skipped = pairs.skipped.size;
  const why = skipped ? t("queue.only_skipped", {count: skipped}) : done ? t("queue.all_done") : t("queue.nothing");
  return el(
    "div",
    {class: "empty"},
    el("h2", {}, why),
    skipped ? el("div", {class: "row"}, button(t("queue.again"), again, {class: "primary"})) : el("p", {}, t("queue.nothing_why")),
    pairs.warnings.map((warning) => el("p", {class: "note"}, fromServer(warning))),
    el("p", {}, linked("voices", "/voices", t("queue.see_voices"))),
  );
}
