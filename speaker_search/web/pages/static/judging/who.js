// A character as it is named on every page: its name, its game, its maker.

import {el, said} from "../shared/dom.js";
import {characterLink, gameLink} from "../shared/links.js";

/** The game and maker of a character, however much of them an answer holds. */
export function gameOf(character) {
  const {game} = character;
  const [title, maker] = game.title === undefined ? [said(game), character.maker] : [gameLink(game), game.maker.name];
  return el("span", {class: "muted small"}, title, " · ", said(maker));
}

/** A character's name over its game and maker; `tag` is the name's. */
export function whoShown(character, tag = "strong") {
  return el("div", {class: "who"}, el(tag, {class: "who-name"}, characterLink(character)), gameOf(character));
}
