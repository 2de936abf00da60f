// The library: what it holds, what is being taken in, what was refused, and how the server is.

import {get} from "../shared/api.js";
import {problemShown} from "../shared/problems.js";
import {showHealth} from "./health.js";
import {showHeld} from "./held.js";
import {showIngests} from "./ingests.js";
import {showRefusals} from "./refusals.js";
import {showIndex, showSizes} from "./state.js";

const $ = (id) => document.getElementById(id);
let held = null;

/** Ask how the library is and show it; again after each ingest. */
async function refresh() {
  try {
    const state = await get("/v1/state");
    $("library-problem").replaceChildren();
    showSizes($("library-sizes"), state);
    showIndex($("library-index"), state);
    showRefusals($("library-refused"), state.refused);
    $("library-empty").hidden = state.encoder !== null;
    if (held) held.refresh();
    else held = showHeld($("library-held"));
    document.getElementById("library").dataset.shown = "";
    return state;
  } catch (error) {
    $("library-problem").replaceChildren(problemShown(error));
    return null;
  }
}

const state = await refresh();
if (state) showIngests($("library-ingests"), state, refresh);
showHealth($("library-health"));
