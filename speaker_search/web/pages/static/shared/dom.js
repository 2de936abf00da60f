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
  upload: "M11 16V7.800L7.900 10.900 6.500 9.500 12 4l5.500 5.500-1.400 1.400L13 7.800V16zM5 18h14v2H5z",
  microphone: "M12 14a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v5a3 3 0 0 0 3 3zm5-3a5 5 0 0 1-10 0H5a7 7 0 0 0 6 6.900V21h2v-3.100A7 7 0 0 0 19 11z",
  stop: "M6.500 6.500h11v11h-11z",
  like: "M4 11h9.200L9.600 7.400 11 6l6 6-6 6-1.400-1.400 3.600-3.600H4z",
  unlike: "M5 11h14v2H5z",
  link: "M10.600 13.400a1 1 0 0 1 0-1.400l4-4a3 3 0 0 1 4.300 4.200l-1.900 1.900-1.400-1.400 1.900-1.900a1 1 0 0 0-1.500-1.400l-4 4a1 1 0 0 1-1.400 0zM13.400 10.600a1 1 0 0 1 0 1.400l-4 4a3 3 0 0 1-4.300-4.200l1.900-1.900 1.400 1.400-1.900 1.900A1 1 0 0 0 8 14.600l4-4a1 1 0 0 1 1.400 0z",
  check: "M9.500 17.500 4 12l1.500-1.500 4 4 9-9L20 7z",
};

/** One of the icons, for the eyes only. */
export function icon(name) {
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
