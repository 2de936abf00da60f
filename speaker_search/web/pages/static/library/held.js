// What the library holds, page by page: makers, their games, their characters, filtered by name.

import {get, searchParameters} from "../shared/api.js";
import {button, el, icon, said} from "../shared/dom.js";
import {characterLink, gameLink, has} from "../shared/links.js";
import {problemShown} from "../shared/problems.js";
import {number, t} from "../shared/words.js";

const A_TIME = 50; // rows asked for
const ASK_AFTER_MS = 200; // of the last key

const LISTS = {
  makers: {
    path: "/v1/makers",
    words: () => t("library.makers"),
    head: () => [t("library.maker"), t("library.games")],
    row: makerRow,
  },
  games: {
    path: "/v1/games",
    words: () => t("library.games"),
    head: () => [t("library.game"), t("library.maker"), t("library.characters"), ""],
    row: gameRow,
  },
  characters: {
    path: "/v1/characters",
    words: () => t("library.characters"),
    head: () => [t("library.character"), t("library.game"), t("library.maker"), t("library.lines")],
    row: characterRow,
  },
};

/** Fill an element; its `refresh` asks again. The address keeps which list is shown, and its filters. */
export function showHeld(element) {
  const given = new URLSearchParams(location.search);
  const list = LISTS[given.get("show")] ? given.get("show") : "games";
  const shown = {list, contains: given.get("contains") ?? "", within: withinOf(given)};
  let asked = 0;
  let timer = 0;

  const filter = el("input", {type: "search", id: "held-filter", autocomplete: "off", value: shown.contains});
  const within = el("div", {class: "row"});
  const body = el("div", {class: "held-body"});
  const tabs = Object.entries(LISTS).map(([name, {words}]) => {
    return button(words(), () => change({list: name, contains: "", within: null}));
  });
  const label = el("label", {class: "visually-hidden", for: "held-filter"}, t("library.filter"));
  const choosing = el("div", {class: "row", role: "group", "aria-label": t("library.lists")}, tabs);
  const head = el("div", {class: "row spread"}, choosing, el("div", {class: "held-filter"}, label, filter));
  element.replaceChildren(head, within, body);
  filter.placeholder = t("library.filter");
  filter.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => change({contains: filter.value}), ASK_AFTER_MS);
  });

  function change(to) {
    Object.assign(shown, to);
    if (to.list) filter.value = shown.contains;
    const filters = shown.within ? {[shown.within.key]: shown.within.id, of: shown.within.name} : {};
    const kept = {show: shown.list, contains: shown.contains || null, ...filters};
    history.replaceState(null, "", `?${searchParameters(kept)}`);
    show();
  }

  function show() {
    for (const [place, name] of Object.keys(LISTS).entries()) tabs[place].setAttribute("aria-pressed", name === shown.list);
    within.replaceChildren(...(shown.within ? [chip(shown.within.name, () => change({within: null}))] : []));
    const {path, words, head, row} = LISTS[shown.list];
    const scrolled = {class: "scroll", tabindex: "0", role: "region", "aria-label": words()};
    const rows = el("tbody");
    const columns = head().map((name) => (name ? el("th", {scope: "col"}, name) : el("td")));
    const table = el("table", {class: "table"}, el("thead", {}, el("tr", {}, columns)), rows);
    const more = button(t("library.more"), () => ask(), {hidden: true});
    const mine = ++asked;
    let cursor = null;
    async function ask() {
      more.disabled = true;
      try {
        const filters = shown.within ? {[shown.within.key]: shown.within.id} : {};
        const page = await get(path, {contains: shown.contains || null, limit: A_TIME, cursor, ...filters});
        if (mine !== asked) return;
        if (cursor === null) body.replaceChildren(el("div", scrolled, table), more);
        rows.append(...page[shown.list].map((one) => row(one, change)));
        if (!rows.children.length) body.replaceChildren(el("p", {class: "muted"}, shown.contains ? t("library.nothing") : t("library.nothing_yet")));
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
    const id = given.get(key) ?? "";
    if (/^[1-9]\d{0,15}$/.test(id)) return {key, id: Number(id), name: given.get("of") ?? id};
  }
  return null;
}

function chip(name, onremove) {
  const remove = button(t("base.remove", {name}), onremove, {class: "quiet"}, icon("close"));
  return el("span", {class: "chip"}, said(name), remove);
}

/** A number that leads on. */
function counted(words, count, onclick) {
  return el("td", {}, button(words, onclick, {class: "quiet"}, number(count)));
}

function makerRow({id, name, games}, change) {
  const go = () => change({list: "games", contains: "", within: {key: "maker_id", id, name}});
  return el("tr", {}, el("td", {}, said(name)), counted(t("library.games_of", {count: games, name}), games, go));
}

function gameRow(game, change) {
  const {id, title: name, characters} = game;
  const go = () => change({list: "characters", contains: "", within: {key: "game_id", id, name}});
  const labelled = {href: `/map?game=${id}`, "aria-label": t("library.map_of", {name})};
  return el(
    "tr",
    {},
    el("td", {}, gameLink(game)),
    el("td", {}, said(game.maker.name)),
    counted(t("library.characters_of", {count: characters, name}), characters, go),
    el("td", {}, has("map") ? el("a", labelled, t("library.on_map")) : null),
  );
}

function characterRow(character) {
  const {game} = character;
  const cells = [characterLink(character), gameLink(game), said(game.maker.name), number(character.clips)];
  return el("tr", {}, cells.map((cell) => el("td", {}, cell)));
}
