// Problems as people read them: a sentence in their language, and the server's own words, which say what to do.

import {Problem} from "./api.js";
import {el} from "./dom.js";
import {fromServer} from "./server_words.js";
import {t} from "./words.js";

// Sentences with requests in them are for programs.
const FOR_PROGRAMS = /[^.?!`]*`(GET|POST|DELETE) [^`]*`[^.?!`]*[.?!]/g;
const KINDS = {
  audio: "problem.audio",
  catalog: "problem.catalog",
  contradiction: "problem.contradiction",
  decoder: "problem.server",
  encoder: "problem.server",
  error: "problem.server",
  forbidden: "problem.forbidden",
  host: "problem.request",
  index: "problem.server",
  "media-type": "problem.request",
  method: "problem.request",
  "not-acceptable": "problem.request",
  "not-found": "problem.not_found",
  offline: "problem.offline",
  origin: "problem.request",
  overloaded: "problem.overloaded",
  precondition: "problem.request",
  range: "problem.request",
  rate: "problem.overloaded",
  request: "problem.request",
  slow: "problem.slow",
  source: "problem.source",
  starting: "problem.starting",
  "too-large": "problem.too_large",
  unauthorised: "problem.unauthorised",
  usage: "problem.usage",
};

/** The problem of a whole page, with ways back from an address whose id leads to nothing, or cannot be one. */
export function pageProblemShown(error) {
  const missing = error.status === 404 || error.status === 422;
  const shown = problemShown(error.status === 422 ? new Problem(404, "not-found", "") : error);
  if (!missing) return shown;
  const ways = [el("a", {class: "button primary", href: "/search"}, t("missing.search")), el("a", {class: "button", href: "/library"}, t("missing.library"))];
  return el("div", {class: "paged"}, shown, el("p", {class: "row"}, ways));
}

/** An alert that says what is wrong. Errors that are not Problems are mistakes of ours: they are thrown on. */
export function problemShown(error) {
  if (!(error instanceof Problem)) throw error;
  const known = KINDS[error.kind];
  const theirs = el("span", {class: "problem-detail"}, fromServer(error.detail.replace(FOR_PROGRAMS, "")));
  const library = error.kind === "catalog" ? el("a", {href: "/library"}, t("missing.library")) : null;
  return el("div", {class: "problem", role: "alert"}, known ? el("strong", {}, t(known)) : null, theirs, library);
}
