// Requests tried where they are described. Swagger UI is loaded with the first of them.

import {el} from "../shared/dom.js";
import {problemShown} from "../shared/problems.js";
import {get, Problem} from "../shared/api.js";

let loading = null; // the description, once Swagger UI is there too

document.getElementById("main").addEventListener("click", ({target}) => {
  const button = target.closest("[data-try]");
  if (button) tryHere(button);
});

async function tryHere(button) {
  const {path, method} = button.dataset;
  const place = el("div", {class: "busy"});
  button.disabled = true;
  button.closest("article").append(place);
  try {
    const spec = await (loading ??= loaded());
    place.className = "trying";
    const shown = {docExpansion: "full", defaultModelsExpandDepth: -1, tryItOutEnabled: true};
    // It asks nobody else: its validator would be a site on the web.
    window.SwaggerUIBundle({spec: only(spec, path, method), domNode: place, validatorUrl: null, ...shown});
  } catch (error) {
    loading = null;
    button.disabled = false;
    place.replaceWith(problemShown(error));
  }
}

/** The description of one request. Its problems are on the page already. */
function only(spec, path, method) {
  const operation = spec.paths[path][method];
  const responses = Object.fromEntries(Object.entries(operation.responses).filter(([status]) => status < "400"));
  return {...spec, tags: [], paths: {[path]: {[method]: {...operation, responses}}}};
}

/** Swagger UI in the page; the server's description for it. */
async function loaded() {
  const {style, script} = document.getElementById("swagger").dataset;
  const [description] = await Promise.all([get("/openapi.json"), added("link", {rel: "stylesheet", href: style}), added("script", {src: script})]);
  // This release of Swagger UI draws OpenAPI 3.0 alone. What 3.1 adds here, `null` as a type, it draws well enough.
  return {...description, openapi: "3.0.3"};
}

function added(tag, attributes) {
  return new Promise((resolve, reject) => {
    document.head.append(el(tag, {...attributes, onload: resolve, onerror: () => reject(new Problem(0, "offline", ""))}));
  });
}
