// The verdicts that were given: filtered, a page at a time, each with its undo.

import {pagedList} from "../judging/paged.js";
import {takenBack} from "../judging/verdicts.js";
import {gameOf} from "../judging/who.js";
import {get} from "../shared/api.js";
import {button, el, said} from "../shared/dom.js";
import {characterLink} from "../shared/links.js";
import {problemShown} from "../shared/problems.js";
import {language, t} from "../shared/words.js";

const PAGE = 50;
const times = new Intl.DateTimeFormat(language, {dateStyle: "medium", timeStyle: "short"});

/** Show the verdicts below an element, filtered by what the address says. */
export function showGiven(root) {
  const asked = new URLSearchParams(location.search);
  const filters = {author: asked.get("author") || null, same: asked.get("same") || null, history: asked.has("history") || null};
  const author = el("input", {type: "text", id: "author", name: "author", value: filters.author ?? ""});
  const same = el("select", {id: "same", name: "same"}, ...options(filters.same));
  const history = el("input", {type: "checkbox", id: "history", name: "history", value: "true", checked: filters.history !== null});
  const form = el(
    "form",
    {class: "card filters"},
    el("input", {type: "hidden", name: "given", value: ""}),
    el("div", {class: "field"}, el("label", {for: "author"}, t("queue.author")), author),
    el("div", {class: "field"}, el("label", {for: "same"}, t("queue.verdict")), same),
    el("label", {class: "check"}, history, " ", t("queue.history")),
    el("div", {class: "row"}, el("button", {class: "primary"}, t("judging.filter"))),
  );
  const load = async (cursor) => {
    const {verdicts, next} = await get("/v1/verdicts", {...filters, limit: PAGE, cursor});
    return {items: verdicts, next};
  };
  root.append(form, pagedList(load, givenShown, {empty: el("p", {class: "card"}, t("queue.none_given"))}));
}

function options(chosen) {
  const words = {"": t("queue.any"), true: t("judging.same"), false: t("judging.different")};
  return Object.entries(words).map(([value, text]) => el("option", {value, selected: value === (chosen ?? "")}, text));
}

function givenShown(verdict) {
  const row = el("li", {class: "card given"});
  draw(row, verdict);
  return row;
}

function draw(row, verdict) {
  const {one, other, same, author, note, at, state} = verdict;
  const who = (character) => el("span", {class: "who"}, el("strong", {}, characterLink(character)), gameOf(character));
  const names = el("div", {class: "row names"}, who(one), el("strong", {class: "sign", "aria-label": same ? t("judging.same") : t("judging.different")}, same ? "=" : "≠"), who(other));
  const by = el("p", {class: "muted small"}, said(author), " · ", times.format(new Date(at)), note ? [" · ", said(note)] : null);
  const undone = state === "undone" ? el("span", {class: "chip"}, t("queue.undone_by", {author: verdict.undone_by})) : null;
  const contradicted = state === "contradicted" ? el("span", {class: "chip"}, t("queue.contradicted")) : null;
  const undo = state === "undone" ? null : button(t("judging.undo"), takeBack, {class: "quiet"});
  row.replaceChildren(el("div", {class: "row spread"}, names, el("div", {class: "row"}, by, undone, contradicted, undo)));

  async function takeBack() {
    undo.disabled = true;
    try {
      draw(row, await takenBack(verdict));
    } catch (error) {
      undo.disabled = false;
      row.append(problemShown(error));
    }
  }
}
