// Links to pages, where those pages are there: a name without a page is text.

import {el, said} from "./dom.js";

const built = new Set(document.documentElement.dataset.pages.split(" "));

/** Whether the server has a page. */
export function has(page) {
  return built.has(page);
}

/** A character's name, linked to its page. */
export function characterLink(character, attributes = {}) {
  return linked("characters", `/characters/${character.id}`, character.name, attributes);
}

/** A game's title, linked to its cast sheet. */
export function gameLink(game, attributes = {}) {
  return linked("games", `/games/${game.id}`, game.title, attributes);
}

/** Any text, linked to a page that may be there. */
export function linked(page, href, text, attributes = {}) {
  const words = said(text, attributes);
  return has(page) ? el("a", {href}, words) : words;
}
