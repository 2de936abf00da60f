// What works on the server and what does not: its encoders, its machine, its packages. Asked for by a button: it loads
// every encoder, which takes seconds.

import {get} from "../shared/api.js";
import {button, el} from "../shared/dom.js";
import {problemShown} from "../shared/problems.js";
import {t} from "../shared/words.js";
import {factsShown} from "./state.js";

const STATES = {ready: () => t("health.ready"), missing: () => t("health.missing"), broken: () => t("health.broken")};

export function showHealth(element) {
  const look = button(t("health.look"), ask);
  element.replaceChildren(el("p", {class: "muted"}, t("health.why")), look);

  async function ask() {
    element.replaceChildren(el("p", {class: "muted", role: "status"}, t("health.looking")), el("div", {class: "busy"}));
    try {
      show(await get("/v1/doctor"));
    } catch (error) {
      element.replaceChildren(problemShown(error), look);
    }
  }

  function show({encoder, encoders, machine, packages, formats}) {
    const head = [t("health.encoder"), t("health.state"), t("health.computed_by"), t("health.purpose")];
    const rows = encoders.map((one) => el("tr", {}, el("td", {}, el("strong", {}, one.name), el("br"), el("span", {class: "muted small"}, one.space ?? "")), el("td", {}, STATES[one.state]()), el("td", {lang: "en"}, one.backend ?? "–"), el("td", {lang: "en", class: "muted"}, one.purpose, one.state === "ready" ? null : el("div", {class: "small"}, t("health.needs", {file: one.needs})))));
    const table = el("table", {class: "table"}, el("thead", {}, el("tr", {}, head.map((words) => el("th", {scope: "col"}, words)))), el("tbody", {}, rows));
    const facts = [
      [t("health.default"), encoder],
      [t("health.formats"), formats.join(", ")],
      [t("health.system"), machine.system],
      [t("health.cpu"), `${machine.cpu}, ${t("health.cores", {count: machine.cores ?? 0})}`],
      [t("health.gpu"), machine.gpu ?? t("health.no_gpu")],
      [t("health.versions"), Object.entries({python: machine.python, ...packages}).filter(([, version]) => version).map(([name, version]) => `${name} ${version}`).join(", ")],
    ];
    element.replaceChildren(el("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": t("health.encoders")}, table), factsShown(facts));
  }
}
