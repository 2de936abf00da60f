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
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "offline", "");
  }
  if (answer.ok) return answer.json();
  if (answer.status === 401) signIn();
  const document = await answer.json().catch(() => ({}));
  throw new Problem(answer.status, (document.type ?? "").split(":").pop(), document.detail ?? answer.statusText);
}

/** Go and sign in, and come back here; "signin" is sent to the window first. */
export function signIn() {
  dispatchEvent(new Event("signin"));
  location.assign(`/sign-in?${searchParameters({next: location.pathname + location.search})}`);
}
