// The search page, and the start page until something is asked: a question in, matches out, both in the address.

import {lineOf} from "../player/line.js";
import {stop} from "../player/output.js";
import {compareWith, listenByKeys} from "../player/switching.js";
import {post} from "../shared/api.js";
import {button, el} from "../shared/dom.js";
import {problemShown} from "../shared/problems.js";
import {t} from "../shared/words.js";
import {matchShown, verdictShown} from "./answer.js";
import {exampleShown} from "./examples.js";
import {showFilters, watchFilters} from "./filters.js";
import {addressOf, bodyOf, emptyQuestion, hasSounds, isAsked, LIMIT, questionOf} from "./question.js";
import {showRecording} from "./record_button.js";
import {showCatalogSize} from "./catalog_size.js";
import {takeSounds} from "./uploads.js";
import {isOfSeveral} from "./warnings.js";

const WAIT_MS = 150; // until a search that is under way is shown as such
const FIRST = 3; // matches that a window shows without scrolling
const asked = document.getElementById("asked");
const answer = document.getElementById("answer");
const state = document.getElementById("state");
const held = new Map(); // key of an entry of the history -> its question, with the sounds that the address lacks
let question = emptyQuestion();
let shown = {}; // the question whose examples are on the page
let search = new AbortController();

/** Ask with some parts of the question changed: a new entry of the history. */
function change(parts) {
  question = {...question, ...parts};
  run(); // first, so that the search is under way while all else is done
  const key = crypto.randomUUID?.() ?? String(Math.random());
  held.set(key, question);
  const address = addressOf(question);
  history.pushState({key, sounds: hasSounds(question)}, "", address ? `/search?${address}` : "/search");
  show();
}

function askWith(like) {
  change({like, unlike: [], split_speakers: false});
}

/** Go on from a match: who else, in games other than its own; or the same again, unlike one more example. */
function goOn({like, game, unlike}) {
  if (like) {
    const others = question.exclude_game.filter((one) => one !== question.own_game && one !== game);
    change({like, unlike: [], split_speakers: false, own_game: game, exclude_game: game === undefined ? others : [...others, game]});
  } else {
    change({unlike: [...question.unlike, unlike]});
  }
  scrollTo({top: 0});
}

function show() {
  stop();
  document.body.classList.toggle("has-asked", isAsked(question));
  showFilters(question, change);
  if (question.like !== shown.like || question.unlike !== shown.unlike) showAsked();
  shown = question;
}

function showAsked() {
  const without = (name, example) => () => change({[name]: question[name].filter((one) => one !== example)});
  const part = (name, heading) => {
    const shown = question[name].map((example) => exampleShown(example, without(name, example)));
    return shown.length ? [el("h2", {}, heading), el("div", {class: "asked-list"}, shown)] : [];
  };
  const sounds = hasSounds(question) ? el("p", {class: "muted small"}, t("search.not_in_address")) : null;
  const keep = button(t("search.copy_address"), copyAddress, {class: "quiet"});
  asked.replaceChildren(
    ...part("like", t("search.like")),
    ...part("unlike", t("search.and_unlike")),
    el("div", {class: "row spread"}, el("span", {class: "asked-keys small muted"}, t("search.keys")), keep),
    ...(sounds ? [sounds] : []),
  );
  asked.hidden = !question.like.length && !question.unlike.length;
}

async function copyAddress({currentTarget}) {
  await navigator.clipboard.writeText(location.href);
  currentTarget.textContent = t("search.copied");
}

async function run() {
  search.abort();
  search = new AbortController();
  const {signal} = search;
  if (!isAsked(question)) {
    answer.replaceChildren(...(history.state?.sounds ? [el("p", {class: "note"}, t("search.gone"))] : []));
    return;
  }
  answer.classList.add("is-old");
  const slow = setTimeout(showWaiting, WAIT_MS);
  try {
    const found = await post("/v1/search", bodyOf(question), {signal});
    await showAnswer(found);
  } catch (error) {
    if (error.name === "AbortError") return;
    answer.replaceChildren(problemShown(error));
    state.textContent = "";
  } finally {
    clearTimeout(slow);
    if (!signal.aborted) answer.classList.remove("is-old", "is-waiting");
  }
}

/** Most answers are there sooner, and drawing this would delay them. */
function showWaiting() {
  answer.classList.add("is-waiting");
  answer.prepend(el("div", {class: "busy"}));
  state.textContent = t("search.searching");
}

/** Show an answer, what is on the first screen first; done when all of it is shown. */
async function showAnswer(found) {
  const asked = question;
  const later = [];
  const parts = found.speakers ? found.speakers.flatMap((one, place) => speakerShown(one, place, asked, later)) : answerShown(found, asked, later);
  answer.replaceChildren(...parts);
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done))); // when these are painted
  for (const showRest of later) showRest();
  state.textContent = answer.querySelector("h2").textContent;
}

/** The answer with its first matches; to `later` goes a function that adds the others. */
function answerShown(found, asked, later) {
  const shown = (matches) => matches.map((match) => matchShown(match, asked, goOn));
  const cards = el("ol", {class: "cards"}, shown(found.matches.slice(0, FIRST)));
  later.push(() => cards.append(...shown(found.matches.slice(FIRST))));
  const more = found.next ? moreButton(cards, found.next, asked) : null;
  const several = found.query.warnings.some(isOfSeveral) && hasSounds(asked) && asked.like.length === 1;
  const split = several ? button(t("search.split"), () => change({split_speakers: true})) : null;
  return [verdictShown(found, asked), split, cards, more].filter(Boolean);
}

/** One of the people in a recording. */
function speakerShown(found, place, asked, later) {
  const [verdict, ...rest] = answerShown(found, asked, later);
  verdict.prepend(el("p", {class: "muted"}, t("search.speaker", {count: place + 1, times: timesOf(found.turns)})));
  return [verdict, ...rest];
}

const timesOf = (turns) => turns.map(({start, stop}) => `${start.toFixed(1)}–${stop.toFixed(1)}`).join(", ");

function moreButton(cards, cursor, asked) {
  const more = button(t("search.more"), async () => {
    more.disabled = true;
    try {
      const found = await post("/v1/search", {cursor, limit: LIMIT}, {signal: search.signal});
      const added = found.matches.map((match) => matchShown(match, asked, goOn));
      cards.append(...added);
      more.replaceWith(...(found.next ? [moreButton(cards, found.next, asked)] : []));
      added[0]?.querySelector("button")?.focus();
    } catch (error) {
      if (error.name === "AbortError") return;
      more.replaceWith(problemShown(error));
    }
  });
  return more;
}

function fromAddress() {
  question = held.get(history.state?.key) ?? questionOf(location.search);
  run();
  show();
}

takeSounds((files) => {
  const sounds = files.map((file) => ({noun: "sound", blob: file, name: file.name || t("search.pasted")}));
  askWith(sounds);
});
showRecording((blob) => askWith([{noun: "sound", blob, name: t("search.recorded")}]));
watchFilters(() => question, change);
compareWith([asked]);
listenByKeys(document.getElementById("main"), lineOf);
addEventListener("popstate", fromAddress);
showCatalogSize();
fromAddress();
