// The listening queue: pairs to judge, or the verdicts that were given.

import {showGiven} from "./given.js";
import {showListening} from "./listening.js";

const root = document.getElementById("queue");
const given = new URLSearchParams(location.search).has("given");
for (const tab of document.querySelectorAll("[data-tab]")) {
  if ((tab.dataset.tab === "given") === given) tab.setAttribute("aria-current", "page");
}
document.querySelector(".lead").hidden = given;
if (given) showGiven(root);
else showListening(root);
