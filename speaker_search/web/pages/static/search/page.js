// The search page, and the start page until something is asked: a question in, matches out, both in the address.

import {lineOf, loadAfter} from "../player/line.js";
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

const WAIT_MS = 100; // until a search that is under way is shown as such
const FIRST = 2; // matches that nearly all windows show without scrolling
const asked = document.getElementById("asked");
const answer = document.getElementById("answer");
const state = document.getElementById("state");
const held = new Map(); // key of an entry of the history -> its question, with the sounds that the address lacks
let question = emptyQuestion();
let shown = {like: []}; // the question that is on the page
let entry = null; // of the history, for a question that is not on the page yet
let search = new AbortController();
let answered = {question, cards: new Map(), list: null}; // the last answer: each match, as JSON, and its card; the list of them

/** Ask with some parts of the question changed: a new entry of the history. */
function change(parts) {
  question = {...question, ...parts};
  run();
  stop();
  const key = crypto.randomUUID?.() ?? String(Math.random());
  held.set(key, question);
  const address = addressOf(question);
  entry = {state: {key, sounds: hasSounds(question)}, address: address ? `/search?${address}` : "/search"};
  if (!isAsked(question)) showQuestion();
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

/** Show what is asked. This takes as long as a search does, so a change is shown after its answer, or after WAIT_MS. */
function showQuestion() {
  if (question === shown) return;
  if (entry) history.pushState(entry.state, "", entry.address);
  entry = null;
  document.body.classList.toggle("has-asked", isAsked(question));
  showFilters(question, change);
  if (question.like !== shown.like || question.unlike !== shown.unlike) showAsked();
  if (!isAsked(question)) answer.replaceChildren(...(history.state?.sounds ? [el("p", {class: "note"}, t("search.gone"))] : []));
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
  const before = search;
  search = new AbortController();
  const {signal} = search;
  const found = isAsked(question) ? post("/v1/search", bodyOf(question), {signal}) : null; // before anything else
  before.abort();
  answer.classList.toggle("is-old", found !== null);
  if (!found) return;
  const slow = setTimeout(showWaiting, WAIT_MS);
  const isThere = () => clearTimeout(slow);
  found.then(isThere, isThere);
  loadAfter(found);
  try {
    await showAnswer(await found);
  } catch (error) {
    if (error.name === "AbortError") return;
    answer.replaceChildren(problemShown(error));
    showQuestion();
    state.textContent = "";
  } finally {
    if (!signal.aborted) answer.classList.remove("is-old");
  }
}

function showWaiting() {
  showQuestion();
  if (!answer.querySelector(".busy")) answer.prepend(el("div", {class: "busy"}));
  state.textContent = t("search.searching");
}

/** Show an answer, what is on the first screen first; done when all of it is shown. */
async function showAnswer(found) {
  const asked = question;
  const later = [];
  const {list, cardOf} = keptFor(asked);
  const parts = found.speakers
    ? found.speakers.flatMap((one, place) => speakerShown(one, place, asked, later, cardOf))
    : answerShown(found, asked, later, cardOf, found.matches.length > FIRST ? list : null);
  const before = [...answer.children].filter((one) => !parts.includes(one));
  answer.prepend(...parts.filter((one) => one !== list));
  for (const one of before) one.hidden = true; // taking them out takes longer
  if (!isAsked(shown)) showQuestion(); // the page looks different
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done))); // until these are painted
  for (const one of before) one.remove();
  if (asked !== question) return;
  showQuestion();
  for (const showRest of later) showRest();
  state.textContent = answer.querySelector("h2").textContent;
}

/** What stays when only filters changed: the list, and the cards of matches that were there, with their lines' sounds.
 * `cardOf` gives the card of a match, kept or new. */
function keptFor(asked) {
  const {question: before, cards, list} = answered;
  const stay = before.like === asked.like && before.by === asked.by;
  const kept = stay ? cards : new Map();
  answered = {question: asked, cards: new Map(), list: null};
  const cardOf = (match) => {
    const key = JSON.stringify(match);
    const card = kept.get(key) ?? matchShown(match, asked, goOn);
    kept.delete(key);
    answered.cards.set(key, card);
    return card;
  };
  return {list: stay && list?.parentNode === answer ? list : null, cardOf};
}

/** The answer with its first matches; to `later` goes a function that adds the others, and the button for more. */
function answerShown(found, asked, later, cardOf, list = null) {
  const cards = list ?? el("ol", {class: "cards"});
  answered.list = cards;
  place(cards, found.matches.slice(0, FIRST).map(cardOf), 0);
  later.push(() => {
    place(cards, found.matches.slice(FIRST).map(cardOf), FIRST);
    while (cards.children.length > found.matches.length) cards.lastElementChild.remove();
    if (found.next) cards.after(moreButton(cards, found.next, asked));
  });
  const several = found.query.warnings.some(isOfSeveral) && hasSounds(asked) && asked.like.length === 1;
  const split = several ? button(t("search.split"), () => change({split_speakers: true})) : null;
  return [verdictShown(found, asked), split, cards].filter(Boolean);
}

/** Put cards into a list from a place on. A card that is already in its place stays untouched. */
function place(list, cards, from) {
  let next = list.children[from] ?? null;
  for (const card of cards) {
    if (card === next) next = next.nextElementSibling;
    else list.insertBefore(card, next);
  }
}

/** One of the people in a recording. */
function speakerShown(found, place, asked, later, cardOf) {
  const [verdict, ...rest] = answerShown(found, asked, later, cardOf);
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
  entry = null;
  run();
  stop();
  showQuestion();
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
addEventListener("signin", showQuestion); // comes back to the address
showCatalogSize();
fromAddress();
