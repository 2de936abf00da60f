// Building elements. Text becomes text nodes, never HTML: a name may hold anything.

import {languageOf} from "./words.js";

/** An element with attributes and children. `on…` attributes are listeners, true and false set or leave out. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A span (or another tag) with a text of the catalog, in the language that it is written in. */
export function said(text, attributes = {}, tag = "span") {
  return el(tag, {lang: languageOf(text) || null, ...attributes}, text);
}

const ICONS = {
  play: "M8 5.2v13.6a.8.8 0 0 0 1.2.7l10.6-6.8a.8.8 0 0 0 0-1.400L9.200 4.500A.8.8 0 0 0 8 5.200z",
  pause: "M7 5h3.500v14H7zM13.500 5H17v14h-3.500z",
  close: "M6.400 5 12 10.600 17.600 5 19 6.400 13.400 12l5.600 5.600-1.400 1.400L12 13.400 6.400 19 5 17.600l5.600-5.600L5 6.400z",
  search: "M10 3a7 7 0 0 1 5.600 11.200l5.100 5.100-1.400 1.400-5.100-5.100A7 7 0 1 1 10 3zm0 2a5 5 0 1 0 0 10 5 5 0 0 0 0-10z",
  unlike: "M14.200 4.200 16 5.100 14.500 8H19v2h-5.500l-2 4H19v2h-8.500l-1.900 3.800-1.800-.9L8.200 16H5v-2h4.300l2-4H5V8h7.300z",
};

const drawn = {}; // icons by name: a copy is faster than another drawing

/** One of the icons, for the eyes only. */
export function icon(name) {
  return (drawn[name] ??= drawIcon(name)).cloneNode(true);
}

function drawIcon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  path.setAttribute("fill", "currentColor");
  svg.append(path);
  return svg;
}

/** A button; `label` is also what is written on it unless there are children. */
export function button(label, onclick, attributes = {}, ...children) {
  const named = children.length ? {"aria-label": label, title: label} : {};
  return el("button", {type: "button", onclick, ...named, ...attributes}, ...(children.length ? children : [label]));
}
