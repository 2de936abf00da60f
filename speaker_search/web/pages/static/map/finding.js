// The box that finds a character or a game by a part of its name: a combobox with a list below it.

import {el, said} from "../shared/dom.js";
import {t} from "../shared/words.js";

const MOST_CHARACTERS = 9;
const MOST_GAMES = 4;

export const plain = (text) => text.normalize("NFKC").toLowerCase();

/** The numbers of the names with a part, those that begin with it first. `names` are plain already. */
export function named(names, part, most) {
  const [begin, hold] = [[], []];
  for (let at = 0; at < names.length && begin.length < most; at++) {
    const place = names[at].indexOf(part);
    if (place === 0) begin.push(at);
    else if (place > 0 && hold.length < most) hold.push(at);
  }
  return [...begin, ...hold].slice(0, most);
}

/**
 * Have an input find among the characters and games of the scene that `searched()` gives. A game that is taken goes to
 * `ongame`, the number of a character to `oncharacter`.
 */
export function findBy(input, list, {searched, ongame, oncharacter}) {
  let names = {of: null}; // plain ones of a scene
  let results = []; // [kind, number]
  let active = -1;

  function namesNow() {
    const of = searched();
    if (names.of === of) return names;
    const characters = of?.kind === "characters" ? Array.from({length: of.count}, (_, at) => plain(of.name(at))) : [];
    return (names = {of, characters, games: (of?.games ?? []).map(({title}) => plain(title))});
  }

  function words(kind, number) {
    const {of} = names;
    const game = kind === "game" ? of.games[number] : of.game(number);
    if (kind === "game") return [game.title, t("map.its_lines", {maker: game.maker.name})];
    return [of.name(number), `${game.title} · ${game.maker.name}`];
  }

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    active = -1;
  }

  function take(place) {
    const [kind, number] = results[place];
    close();
    input.value = "";
    if (kind === "game") ongame(names.of.games[number]);
    else oncharacter(number);
  }

  function find() {
    const part = plain(input.value.trim());
    if (!part) return close();
    const {characters, games} = namesNow();
    results = [
      ...named(games, part, MOST_GAMES).map((number) => ["game", number]),
      ...named(characters, part, MOST_CHARACTERS).map((number) => ["character", number]),
    ];
    active = results.length ? 0 : -1;
    const nothing = {class: "muted", role: "option", "aria-disabled": "true", "aria-selected": "false"};
    list.replaceChildren(...(results.length ? results.map(option) : [el("li", nothing, t("map.none_found"))]));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark();
  }

  function option([kind, number], place) {
    const [name, beside] = words(kind, number);
    const keepFocus = (event) => event.preventDefault();
    return el(
      "li",
      {role: "option", id: `found-${place}`, "aria-selected": "false", onpointerdown: keepFocus, onclick: () => take(place)},
      said(name),
      said(beside, {class: "muted small"}),
    );
  }

  function mark() {
    if (active < 0) return input.removeAttribute("aria-activedescendant");
    for (const [place, one] of [...list.children].entries()) one.setAttribute("aria-selected", place === active);
    input.setAttribute("aria-activedescendant", `found-${active}`);
    list.children[active].scrollIntoView({block: "nearest"});
  }

  input.addEventListener("input", find);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || list.hidden) return;
    if (event.key === "Enter" && active >= 0) take(active);
    else if (event.key === "Escape") close();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (active >= 0) active = (active + (event.key === "ArrowDown" ? 1 : -1) + results.length) % results.length;
      mark();
    } else return;
    event.preventDefault();
  });
}
