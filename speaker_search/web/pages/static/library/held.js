// What the library holds, page by page: makers, their games, their characters, filtered by name.

import {get, searchParameters} from "../shared/api.js";
import {button, el, icon, said} from "../shared/dom.js";
import {characterLink, gameLink, has} from "../shared/links.js";
import {problemShown} from "../shared/problems.js";
import {number, t} from "../shared/words.js";

const A_TIME = 50; // rows asked for
const ASK_AFTER_MS = 200; // of the last key

const LISTS = {
  makers: {path: "/v1/makers", words: () => t("library.makers"), head: () => [t("library.maker"), t("library.games")], row: makerRow},
  games: {path: "/v1/games", words: () => t("library.games"), head: () => [t("library.game"), t("library.maker"), t("library.characters"), ""], row: gameRow},
  characters: {path: "/v1/characters", words: () => t("library.characters"), head: () => [t("library.character"), t("library.game"), t("library.maker"), t("library.lines")], row: characterRow},
};

/** Fill an element; its `refresh` asks again. The address keeps which list is shown, and its filters. */
export function showHeld(element) {
  const given = new URLSearchParams(location.search);
  const shown = {list: LISTS[given.get("show")] ? given.get("show") : "games", contains: given.get("contains") ?? "", within: withinOf(given)};
  let asked = 0;
  let timer = 0;

  const filter = el("input", {type: "search", id: "held-filter", autocomplete: "off", value: shown.contains});
  const within = el("div", {class: "row"});
  const body = el("div", {class: "held-body"});
  const tabs = Object.entries(LISTS).map(([name, {words}]) => button(words(), () => change({list: name, contains: "", within: null})));
  element.replaceChildren(
    el("div", {class: "row spread"}, el("div", {class: "row", role: "group", "aria-label": t("library.lists")}, tabs), el("div", {class: "held-filter"}, el("label", {class: "visually-hidden", for: "held-filter"}, t("library.filter")), filter)),
    within,
    body,
  );
  filter.placeholder = t("library.filter");
  filter.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => change({contains: filter.value}), ASK_AFTER_MS);
  });

  function change(to) {
    Object.assign(shown, to);
    if (to.list) filter.value = shown.contains;
    const kept = {show: shown.list, contains: shown.contains || null, [shown.within?.key]: shown.within?.id, of: shown.within?.name};
    if (!shown.within) delete kept[undefined];
    history.replaceState(null, "", `?${searchParameters(kept)}`);
    show();
  }

  function show() {
    for (const [place, name] of Object.keys(LISTS).entries()) tabs[place].setAttribute("aria-pressed", name === shown.list);
    const undo = () => change({within: null});
    within.replaceChildren(...(shown.within ? [el("span", {class: "chip"}, said(shown.within.name), button(t("base.remove", {name: shown.within.name}), undo, {class: "quiet"}, icon("close")))] : []));
    const {head, row} = LISTS[shown.list];
    const rows = el("tbody");
    const columns = head().map((words) => (words ? el("th", {scope: "col"}, words) : el("td")));
    const table = el("table", {class: "table"}, el("thead", {}, el("tr", {}, columns)), rows);
    const more = button(t("library.more"), () => ask(), {hidden: true});
    const mine = ++asked;
    let cursor = null;
    async function ask() {
      more.disabled = true;
      try {
        const parameters = {contains: shown.contains || null, limit: A_TIME, cursor, ...(shown.within ? {[shown.within.key]: shown.within.id} : {})};
        const page = await get(LISTS[shown.list].path, parameters);
        if (mine !== asked) return;
        if (cursor === null) body.replaceChildren(el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": LISTS[shown.list].words()}, table), more);
        rows.append(...page[shown.list].map((one) => row(one, change)));
        if (!rows.children.length) body.replaceChildren(el("p", {class: "muted"}, t("library.nothing")));
        cursor = page.next;
        more.hidden = cursor === null;
        more.disabled = false;
      } catch (error) {
        if (mine === asked) body.replaceChildren(problemShown(error));
      }
    }
    ask();
  }

  show();
  return {refresh: show};
}

function withinOf(given) {
  for (const key of ["maker_id", "game_id"]) {
    if (/^[1-9]\d{0,15}$/.test(given.get(key) ?? "")) return {key, id: Number(given.get(key)), name: given.get("of") ?? given.get(key)};
  }
  return null;
}

function makerRow(maker, change) {
  const games = () => change({list: "games", contains: "", within: {key: "maker_id", id: maker.id, name: maker.name}});
  return el("tr", {}, el("td", {}, said(maker.name)), el("td", {}, button(t("library.games_of", {count: maker.games, name: maker.name}), games, {class: "quiet"}, number(maker.games))));
}

function gameRow(game, change) {
  const characters = () => change({list: "characters", contains: "", within: {key: "game_id", id: game.id, name: game.title}});
  const map = has("map") ? el("a", {href: `/map?game=${game.id}`, "aria-label": t("library.map_of", {name: game.title})}, t("library.on_map")) : null;
  return el(
    "tr",
    {},
    el("td", {}, gameLink(game)),
    el("td", {}, said(game.maker.name)),
    el("td", {}, button(t("library.characters_of", {count: game.characters, name: game.title}), characters, {class: "quiet"}, number(game.characters))),
    el("td", {}, map),
  );
}

function characterRow(character) {
  const {game} = character;
  return el("tr", {}, el("td", {}, characterLink(character)), el("td", {}, gameLink(game)), el("td", {}, said(game.maker.name)), el("td", {}, number(character.clips)));
}
