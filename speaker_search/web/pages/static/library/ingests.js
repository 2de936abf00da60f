// Taking voices in: a folder to begin with, and what each ingest has done so far, live while one runs.

import {get, post, remove} from "../shared/api.js";
import {button, el, said} from "../shared/dom.js";
import {problemShown} from "../shared/problems.js";
import {fromServer} from "../shared/server_words.js";
import {language, number, t} from "../shared/words.js";
import {askFolder} from "./folders.js";
import {reasonWords} from "./refusals.js";

const ASK_EVERY_MS = 1000; // while one runs or waits
const SHOWN = 5; // of the latest

const STATES = {
  waiting: () => t("ingest.waiting"),
  running: () => t("ingest.running"),
  done: () => t("ingest.done"),
  failed: () => t("ingest.failed"),
  cancelled: () => t("ingest.cancelled"),
};
const PHASES = {
  scanning: () => t("ingest.scanning"),
  embedding: () => t("ingest.embedding"),
  done: () => t("ingest.finishing"),
};
const isOpen = ({state}) => state === "waiting" || state === "running";

/** Fill an element; `onended` is called whenever an ingest has ended. */
export function showIngests(element, {may_edit: mayEdit, folders}, onended) {
  const list = el("ul", {class: "ingests"});
  const problem = el("div");
  const told = el("p", {class: "visually-hidden", role: "status"});
  const cards = new Map(); // id -> its card
  let open = new Set();

  element.replaceChildren(beginning(mayEdit, folders, begin), problem, told, list);

  async function begin(request) {
    problem.replaceChildren();
    try {
      await post("/v1/ingest", request);
      ask();
    } catch (error) {
      problem.replaceChildren(problemShown(error));
    }
  }

  async function cancel(id) {
    try {
      await remove(`/v1/ingest/${id}`);
      ask();
    } catch (error) {
      problem.replaceChildren(problemShown(error));
    }
  }

  let timer = 0;
  async function ask() {
    clearTimeout(timer);
    let ingests;
    try {
      ({ingests} = await get("/v1/ingest", {limit: SHOWN}));
    } catch (error) {
      problem.replaceChildren(problemShown(error));
      return;
    }
    list.replaceChildren(...ingests.map((one) => cardOf(one)));
    const now = new Set(ingests.filter(isOpen).map(({id}) => id));
    const ended = ingests.filter(({id}) => open.has(id) && !now.has(id));
    open = now;
    if (ended.length) {
      told.textContent = STATES[ended[0].state]();
      onended();
    }
    if (now.size) timer = setTimeout(ask, ASK_EVERY_MS);
  }

  function cardOf(ingest) {
    const card = cards.get(ingest.id) ?? ingestCard(() => cancel(ingest.id));
    cards.set(ingest.id, card);
    card.show(ingest, mayEdit);
    return card.element;
  }

  ask();
}

function beginning(mayEdit, folders, begin) {
  if (!mayEdit) return el("p", {class: "muted"}, t("ingest.read_only"));
  if (!folders.length) return el("p", {class: "muted"}, t("ingest.no_folders"));
  const field = (id, words, attributes = {}) => {
    const input = el("input", {id, name: id, autocomplete: "off", ...attributes});
    return el("div", {class: "field"}, el("label", {for: id}, words), input);
  };
  const where = field("ingest-path", t("ingest.folder"), {list: "ingest-folders", required: true, value: folders[0]});
  const browse = async () => {
    const path = await askFolder();
    const input = where.querySelector("input");
    if (path !== null) input.value = path;
    input.focus();
  };
  const form = el(
    "form",
    {class: "ingest-form"},
    el("div", {class: "ingest-where"}, where, button(t("ingest.browse"), browse)),
    el("datalist", {id: "ingest-folders"}, folders.map((one) => el("option", {value: one}))),
    field("ingest-maker", t("ingest.maker")),
    field("ingest-game", t("ingest.game")),
    el("button", {class: "primary"}, t("ingest.begin")),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const value = (name) => form.elements[name].value.trim() || null;
    begin({paths: [value("ingest-path") ?? ""], maker: value("ingest-maker"), game: value("ingest-game")});
  });
  const allowed = folders.flatMap((one) => [" ", el("code", {}, one)]);
  return el("div", {}, form, el("p", {class: "muted small"}, t("ingest.allowed"), ...allowed));
}

/** The card of one ingest: `show` fills it with how it is now. */
function ingestCard(oncancel) {
  const state = el("strong");
  const when = el("span", {class: "muted small"});
  const paths = el("span", {class: "ingest-paths"});
  const bar = el("progress", {"aria-label": t("ingest.progress")});
  const words = el("p", {class: "small"});
  const more = el("p", {class: "small muted"});
  const stop = button(t("ingest.cancel"), oncancel);
  const head = el("div", {class: "row spread"}, el("div", {class: "row"}, state, paths, when), stop);
  const element = el("li", {class: "ingest"}, head, bar, words, more);

  function show({state: now, requested, paths: folders, progress, error}, mayEdit) {
    state.textContent = STATES[now]();
    element.dataset.state = now;
    when.textContent = new Intl.DateTimeFormat(language, {dateStyle: "medium", timeStyle: "short"}).format(new Date(requested));
    paths.replaceChildren(...folders.map((one) => said(one)));
    stop.hidden = !isOpen({state: now}) || !mayEdit;
    bar.hidden = now !== "running";
    if (progress.phase === "embedding" && progress.of) Object.assign(bar, {max: progress.of, value: progress.opened});
    else bar.removeAttribute("value");
    words.replaceChildren(now === "failed" ? el("span", {class: "wrong"}, fromServer(error)) : how(now, progress));
    more.replaceChildren(...details(progress).flatMap((one, place) => (place ? [" · ", one] : [one])));
  }
  return {element, show};
}

function how(state, progress) {
  if (state === "waiting") return t("ingest.waits");
  if (state !== "running") return t("ingest.took", {embedded: progress.embedded, known: progress.known});
  const phase = PHASES[progress.phase]();
  if (progress.phase === "scanning") return t("ingest.scanned", {phase, count: progress.scanned});
  return t("ingest.opened", {phase, opened: progress.opened, of: progress.of});
}

function details(progress) {
  const {rate, left_s: left, refused, merged, pending, waiting_for: waitingFor} = progress;
  return [
    rate > 0 ? t("ingest.rate", {rate: number(Math.round(10 * rate) / 10)}) : null,
    left !== null && left > 0 ? t("ingest.left", {time: duration(left)}) : null,
    merged ? t("ingest.merged", {count: merged}) : null,
    pending ? t("ingest.pending", {count: pending}) : null,
    ...Object.entries(refused).map(([reason, count]) => t("ingest.refused", {reason: reasonWords(reason), count})),
    waitingFor ? el("span", {}, fromServer(waitingFor)) : null,
  ].filter((one) => one !== null);
}

function duration(seconds) {
  if (seconds < 90) return t("ingest.seconds", {count: Math.ceil(seconds)});
  if (seconds < 5400) return t("ingest.minutes", {count: Math.ceil(seconds / 60)});
  return t("ingest.hours", {count: Math.round(seconds / 360) / 10});
}
