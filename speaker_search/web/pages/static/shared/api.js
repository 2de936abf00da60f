// Asking the API. Every failure is a Problem, whatever went wrong.

/** A problem document (RFC 9457), or that no answer came; `kind` is its type without the prefix. */
export class Problem extends Error {
  constructor(status, kind, detail) {
    super(detail);
    Object.assign(this, {status, kind, detail});
  }
}

/** The JSON of a GET. Parameters that are null are left out, lists are repeated. */
export function get(path, parameters = {}, options = {}) {
  const query = searchParameters(parameters).toString();
  return asked(query ? `${path}?${query}` : path, {...options, method: "GET"});
}

/** The JSON of a POST of a document, or of a form with files. */
export function post(path, body, options = {}) {
  if (body instanceof FormData) return asked(path, {...options, method: "POST", body});
  const headers = {"Content-Type": "application/json"};
  return asked(path, {...options, method: "POST", headers, body: JSON.stringify(body)});
}

/** The JSON of a DELETE. */
export function remove(path, parameters = {}, options = {}) {
  const query = searchParameters(parameters).toString();
  return asked(query ? `${path}?${query}` : path, {...options, method: "DELETE"});
}

export function searchParameters(parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined) query.append(name, one);
    }
  }
  return query;
}

async function asked(path, options) {
  const {request, value} = await answered(path, options);
  if (request.status >= 200 && request.status < 300) return value ?? JSON.parse(request.responseText);
  if (request.status === 401) signIn();
  const document = value ?? {};
  throw new Problem(request.status, (document.type ?? "").split(":").pop(), document.detail ?? request.statusText);
}

/** A request once its answer is there, and the answer's value, undefined if it is not JSON. With fetch, a search would be
 * shown a millisecond later: it cannot read what has arrived before the browser has closed the request. */
function answered(path, {method, headers = {}, body = null, signal = null}) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    request.onreadystatechange = () => {
      if (request.readyState !== XMLHttpRequest.LOADING) return;
      request.onreadystatechange = null; // later parts are waited for
      const value = parsed(request.responseText);
      if (typeof value === "object") resolve({request, value}); // a part of an answer cannot be parsed
    };
    request.onload = () => resolve({request, value: parsed(request.responseText)});
    request.onerror = () => reject(new Problem(0, "offline", ""));
    request.onabort = () => reject(new DOMException("Another answer is wanted.", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.open(method, path);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.send(body);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Go and sign in, and come back here; "signin" is sent to the window first. */
export function signIn() {
  dispatchEvent(new Event("signin"));
  location.assign(`/sign-in?${searchParameters({next: location.pathname + location.search})}`);
}
