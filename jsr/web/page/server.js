// Requests to the server, which knows the page by a token.

let token = "";

class Refused extends Error {
  constructor(status, line) {
    super(line);
    this.status = status; // 0 if the server does not answer
  }
}

// Takes the token from the address, or gets it for a key that works once.
export async function authorise() {
  const [kind, secret] = location.hash.slice(1).split("=");
  if (!secret) throw new Refused(403, "Open the address that jsr serve printed.");
  token = secret;
  if (kind === "key") {
    ({ token } = await json("/token", { method: "POST" }));
    history.replaceState(null, "", `#token=${token}`);
  }
}

export async function call(path, { method = "GET", body, keepalive } = {}) {
  let answer;
  try {
    answer = await fetch(path, { method, body, keepalive, headers: { "X-Token": token } });
  } catch {
    throw new Refused(0, "jsr serve does not answer. Start it again, and open the address that it prints.");
  }
  if (answer.ok) return answer;
  const { error = answer.statusText } = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, error);
}

export async function json(path, request) {
  return (await call(path, request)).json();
}

// Returns the address of a file within the page.
export async function image(path) {
  return URL.createObjectURL(await (await call(path)).blob());
}

// Removes what is there; that it is gone already is no error.
export function remove(path, { keepalive } = {}) {
  return call(path, { method: "DELETE", keepalive }).catch(() => {});
}
