// Lines that were refused, by reason, each with its file.

import {get} from "../shared/api.js";
import {button, el, said} from "../shared/dom.js";
import {problemShown} from "../shared/problems.js";
import {fromServer} from "../shared/server_words.js";
import {number, t} from "../shared/words.js";

const A_TIME = 50; // files asked for

const REASONS = {
  missing: () => t("refused.missing"),
  unreadable: () => t("refused.unreadable"),
  not_audio: () => t("refused.not_audio"),
  empty: () => t("refused.empty"),
  too_short: () => t("refused.too_short"),
  too_long: () => t("refused.too_long"),
  silent: () => t("refused.silent"),
  not_finite: () => t("refused.not_finite"),
  crashed: () => t("refused.crashed"),
  timed_out: () => t("refused.timed_out"),
  kills_worker: () => t("refused.kills_worker"),
  no_speech: () => t("refused.no_speech"),
};

/** Why a line was refused, in words. */
export function reasonWords(reason) {
  return REASONS[reason]?.() ?? reason;
}

/** Fill an element with a button for each reason; each shows its files. */
export function showRefusals(element, counts) {
  const reasons = Object.entries(counts);
  if (!reasons.length) return element.replaceChildren(el("p", {class: "muted"}, t("refused.none")));
  const list = el("div", {class: "refused-files"});
  const buttons = reasons.map(([reason, count]) => {
    const counted = el("span", {class: "muted small"}, number(count));
    const shown = el("button", {type: "button", "aria-pressed": "false"}, reasonWords(reason), counted);
    shown.addEventListener("click", () => {
      const pressed = shown.getAttribute("aria-pressed") !== "true";
      for (const other of buttons) other.setAttribute("aria-pressed", other === shown && pressed);
      list.replaceChildren();
      if (pressed) showFiles(list, reason);
    });
    return shown;
  });
  element.replaceChildren(el("div", {class: "row"}, buttons), list);
}

function showFiles(element, reason) {
  const rows = el("tbody");
  const head = [t("refused.file"), t("refused.detail")].map((words) => el("th", {scope: "col"}, words));
  const table = el("table", {class: "table"}, el("thead", {}, el("tr", {}, head)), rows);
  const more = button(t("library.more"), () => ask());
  let cursor = null;
  async function ask() {
    more.disabled = true;
    try {
      const page = await get("/v1/refusals", {reason, limit: A_TIME, cursor});
      rows.append(...page.clips.map(fileRow));
      cursor = page.next;
      more.hidden = cursor === null;
    } catch (error) {
      element.append(problemShown(error));
    }
    more.disabled = false;
  }
  const scrolled = {class: "scroll", tabindex: "0", role: "region", "aria-label": reasonWords(reason)};
  element.replaceChildren(el("div", scrolled, table), more);
  ask();
}

function fileRow({file, detail}) {
  return el("tr", {}, el("td", {}, said(file)), el("td", {class: "muted sentence"}, fromServer(detail)));
}
