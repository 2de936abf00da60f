// Listening and judging, one pair after another; every answer has a key.

import {askAuthor, keptAuthor, signedIn, whoJudges} from "../judging/author.js";
import {listenToPairs} from "../judging/pair_lines.js";
import {lineOf} from "../player/line.js";
import {current, output, stop} from "../player/output.js";
import {button, el} from "../shared/dom.js";
import {onKey} from "../shared/keys.js";
import {problemShown} from "../shared/problems.js";
import {t} from "../shared/words.js";
import {ifDifferent, ifSame, listeningPairShown} from "./pair_shown.js";
import {keyOf, Pairs} from "./pairs.js";
import {emptyShown, progressShown} from "./progress.js";
import {Recent} from "./recent.js";
import {Sending} from "./sending.js";

const AT_ONCE = "spksearch_play_at_once"; // "no" where the next pair waits for space
const MAX_NOTE = 2000; // as the API has it

/** Show the pairs to judge below an element. */
export function showListening(root) {
  const pairs = new Pairs();
  const sending = new Sending();
  for (const answer of sending.waiting) pairs.answered.add(keyOf(answer)); // from a page that was closed too early
  const recent = new Recent(sending, askAgain);
  const sitting = []; // what was done, the latest last: {pair, answer, at}; without an answer it was skipped
  let shown = null; // the pair on the page
  let heardBoth = false;

  const place = el("div", {class: "card listening"}, el("div", {class: "busy"}));
  const progress = el("div", {class: "figures"});
  const said = el("p", {class: "visually-hidden", role: "status"});
  const trouble = el("div");
  const note = el("input", {type: "text", id: "note", maxlength: MAX_NOTE, autocomplete: "off"});
  note.addEventListener("keydown", (event) => (event.key === "Enter" || event.key === "Escape") && note.blur());
  const same = answerButton("s", t("judging.same"), () => answer(true));
  const different = answerButton("d", t("judging.different"), () => answer(false));
  const cannotTell = answerButton("c", t("queue.cannot_tell"), () => answer(null));
  cannotTell.effect.textContent = t("queue.if_skipped");
  const undo = el("button", {type: "button", class: "quiet", disabled: true, onclick: takeBack}, el("kbd", {}, "u"), t("judging.undo"));
  const answers = el("div", {class: "answers"}, same.button, different.button, cannotTell.button);
  const worth = el("p", {class: "muted small"});
  const below = el("div", {class: "below"}, el("div", {class: "row spread"}, worth, undo), settings());
  root.append(progress, trouble, place, answers, below, said, recent.element);

  function settings() {
    const atOnce = el("input", {type: "checkbox", id: "at-once"});
    atOnce.checked = localStorage.getItem(AT_ONCE) !== "no";
    atOnce.addEventListener("change", () => localStorage.setItem(AT_ONCE, atOnce.checked ? "yes" : "no"));
    const noteField = el("div", {class: "field"}, el("label", {for: "note"}, el("kbd", {}, "n"), " ", t("queue.note")), note);
    const keys = el("p", {class: "muted small"}, el("kbd", {}, t("queue.space")), " ", t("queue.space_does"), " ", el("kbd", {}, "x"), " ", t("queue.x_does"));
    return el("div", {class: "settings"}, noteField, el("div", {}, el("label", {class: "check"}, atOnce, " ", t("queue.at_once")), keys));
  }

  async function go() {
    try {
      const filling = pairs.fill(keptKeys());
      if (pairs.first) show();
      await filling;
      trouble.replaceChildren();
    } catch (error) {
      trouble.replaceChildren(problemShown(error), button(t("judging.try_again"), go));
    }
    show();
  }

  function keptKeys() {
    return sending.answers.filter(({state}) => state === "kept").map(keyOf);
  }

  function show() {
    showProgress();
    if (pairs.first === shown && shown !== null) return;
    stop();
    shown = pairs.first;
    heardBoth = false;
    answers.hidden = below.hidden = shown === null;
    if (shown === null) {
      const filled = pairs.left === null ? el("div", {class: "busy"}) : emptyShown(pairs, sitting.length, again);
      return place.replaceChildren(filled);
    }
    place.replaceChildren(...listeningPairShown(shown));
    same.effect.textContent = ifSame(shown);
    different.effect.textContent = ifDifferent(shown);
    worth.textContent = t("queue.worth", {change: Math.round(shown.change * 100) / 100});
    said.textContent = t("queue.now", {one: shown.one.name, other: shown.other.name});
    if (sitting.length && localStorage.getItem(AT_ONCE) !== "no") lines()[0].play();
  }

  function again() {
    pairs.forgetSkipped();
    go();
  }

  function lines() {
    return [...place.querySelectorAll(".line")].map(lineOf);
  }

  async function answer(same) {
    const pair = shown;
    if (pair === null) return;
    const author = same === null ? null : await whoJudges();
    if (author === undefined || pair !== shown) return; // nobody said who judges, or the pair is judged by now
    const given = same === null ? null : {one: pair.one, other: pair.other, same, note: note.value.trim(), author, pair};
    note.value = "";
    pairs.next({skip: same === null});
    sitting.push({pair, answer: given, at: performance.now()});
    if (given) recent.show(sending.add(given));
    go();
  }

  function takeBack() {
    const last = sitting.pop();
    if (last) askAgain(last);
  }

  /** Undo an answer, and ask for another one. */
  function askAgain({pair, answer: given}) {
    if (given) sending.undo(given);
    const place = sitting.findIndex((one) => one.pair === pair);
    if (place >= 0) sitting.splice(place, 1);
    pairs.back(pair);
    show();
  }

  function showProgress() {
    progress.replaceChildren(...progressShown(sitting, pairs), author());
    undo.disabled = !sitting.length;
  }

  function author() {
    if (signedIn) return el("span", {class: "figure"}, el("span", {class: "small muted"}, t("queue.by_key")));
    const name = keptAuthor();
    const change = async () => (await askAuthor()) && showProgress();
    const named = button(name || t("queue.nobody"), change, {class: "quiet who-judges"});
    return el("span", {class: "figure"}, named, el("span", {class: "muted small"}, t("queue.judges")));
  }

  output.addEventListener("change", () => {
    if (current() && shown && current() === lines()[1]) heardBoth = true;
  });
  output.addEventListener("ended", ({detail}) => {
    if (shown && !heardBoth && detail === lines()[0]) lines()[1].play();
  });
  addEventListener("beforeunload", (event) => sending.waiting.length && event.preventDefault());

  listenToPairs(place);
  onKey("s", () => answer(true));
  onKey("d", () => answer(false));
  onKey("c", () => answer(null));
  onKey("u", takeBack);
  onKey("n", () => note.focus());
  go();
}

/** A button with its key and what it does to the cast. */
function answerButton(key, words, onclick) {
  const effect = el("span", {class: "effect small"});
  const label = el("span", {class: "answer-label"}, el("kbd", {}, key), el("strong", {}, words));
  return {effect, button: el("button", {type: "button", class: "answer", onclick}, label, effect)};
}
