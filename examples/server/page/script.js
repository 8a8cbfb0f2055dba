"use strict";
// The token and the JWT live in these two variables alone: no cookie, no storage, nothing that a browser sends by itself.
let token = "";
let jwt = "";
/** What the server says of the session; null without one. */
let session = null;

const at = (id) => document.getElementById(id);
const seconds = () => Date.now() / 1000;

async function call(path, { bearer, body } = {}) {
  const headers = {};
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  showNode(response);
  const text = await response.text();
  let answer;
  try { answer = JSON.parse(text); } catch { answer = { title: text }; }
  return { response, answer };
}

/** Behind a balancer: which server has answered, the latest last. */
function showNode(response) {
  const node = response.headers.get("X-Node") ?? (at("nodes").hidden ? null : "nobody");
  if (!node) return;
  at("nodes").hidden = false;
  const answer = Object.assign(document.createElement("li"), { textContent: node, className: response.ok ? "ok" : "refused" });
  at("node-list").append(answer);
  while (at("node-list").children.length > 24) at("node-list").firstChild.remove();
}

/** Shows an answer in a column. Tokens are secrets: they are shown where they belong, and nowhere else. */
function show(way, { response, answer }, remark) {
  const verdict = document.createElement("b");
  verdict.textContent = `${response.status} ${response.ok ? "admitted" : "refused"}`;
  verdict.className = response.ok ? "ok" : "refused";
  const body = document.createElement("pre");
  const printable = { ...answer };
  for (const name of ["token", "jwt"]) if (printable[name]) printable[name] = "(above)";
  body.textContent = [remark, JSON.stringify(printable, null, 2)].filter(Boolean).join("\n");
  at(`${way}-answer`).replaceChildren(verdict, body);
}

// ---------------------------------------------------------------- what is held

const span = (className, text) => Object.assign(document.createElement("span"), { className, textContent: text });

function showToken() {
  const parts = token.split(".");
  const underscore = parts[0].indexOf("_") + 1;
  const line = [span("prefix", parts[0].slice(0, underscore)), span("uid", parts[0].slice(underscore)), ".", span("stamp", parts[1])];
  for (const param of parts.slice(2, -1)) line.push(".", span("param", param));
  line.push(".", span("sign", parts.at(-1)));
  at("token").replaceChildren(...line);
}

const decoded = (part) => new TextDecoder().decode(Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0)));
const encoded = (value) => btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function showJwt() {
  const [header, claims, signature] = jwt.split(".");
  at("jwt").replaceChildren(span("uid", header), ".", span("stamp", claims), ".", span("sign", signature));
  at("jwt-header").textContent = JSON.stringify(JSON.parse(decoded(header)), null, 2);
  at("jwt-claims").textContent = JSON.stringify(JSON.parse(decoded(claims)), null, 2);
}

const clock = (time) => new Date(time * 1000).toLocaleTimeString();

async function showSession() {
  const { response, answer } = await call("session");
  // The server cannot tell just now: what is shown stays.
  if (response.status >= 500) return;
  session = response.ok ? answer : null;
  at("login").hidden = Boolean(session);
  at("account").hidden = !session;
  at("devices").hidden = !session;
  at("visible-cookie").textContent = document.cookie;
  const facts = session ? [`session ${session.handle}`, `of ${session.user}, since ${clock(session.signed_in_at)}`, `notes: ${session.notes.length}`] : ["nothing of you"];
  at("record").replaceChildren(...facts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  if (!session) return;
  at("who").textContent = session.user;
  at("device-list").replaceChildren(...session.devices.map((device) => {
    const row = document.createElement("tr");
    const cells = [device.this ? `${device.label} (this one)` : device.label, clock(device.created), clock(device.last_seen), device.handle];
    row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    const button = Object.assign(document.createElement("button"), { textContent: "End" });
    button.setAttribute("aria-label", `End the session on ${device.label}`);
    button.addEventListener("click", async () => {
      show("session", await call("session/end", { body: { handle: device.handle } }));
      await showSession();
    });
    row.appendChild(document.createElement("td")).append(button);
    return row;
  }));
}

// ---------------------------------------------------------------- time

function bar(way, left, whole, text) {
  at(`${way}-bar`).value = Math.max(0, Math.min(1, left / whole));
  at(`${way}-left`).textContent = text;
}
const span_of = (left) => (left > 0 ? `${Math.floor(left / 60)}:${String(Math.floor(left % 60)).padStart(2, "0")} left` : "over");

function tick() {
  if (session) bar("session", session.idle - seconds(), 15 * 60, `${span_of(session.idle - seconds())}, and more with use`);
  else bar("session", 0, 1, "not signed in");
  if (token) {
    const left = Number(token.split(".")[1]) + 300 - seconds();
    bar("token", left, 300, span_of(left));
  }
  if (jwt) {
    const left = JSON.parse(decoded(jwt.split(".")[1])).exp - seconds();
    bar("jwt", left, 300, span_of(left));
  }
}
setInterval(tick, 500);

// ---------------------------------------------------------------- what can be done

const act = (id, action) => at(id).addEventListener("click", action);

at("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { response, answer } = await call("session/login", { body: { user: at("user").value, password: at("password").value } });
  at("login-answer").textContent = response.ok ? "" : answer.title;
  if (!response.ok) return;
  at("password").value = "";
  ({ token, jwt } = answer);
  showToken();
  showJwt();
  await showSession();
  at("everywhere").previousElementSibling.focus();
  tick();
});

async function withSession(path, body, remark) {
  show("session", await call(path, { body }), remark);
  await showSession();
}
act("session-me", () => withSession("session"));
act("session-note", () => withSession("session/note", { text: "a note from the page" }));
act("session-renew", () => withSession("session/renew", {}));
act("session-plant", async () => {
  // A script cannot change the real cookie; a second one by its name it can plant, at a longer path.
  document.cookie = `id=${"A".repeat(70)}; path=/session; samesite=lax`;
  await withSession("session", undefined, "Two cookies by one name were sent, the planted one first. The real one was found, by its verifier.");
  document.cookie = "id=; path=/session; max-age=0";
});
act("logout", () => withSession("session/logout", {}));
act("everywhere", () => withSession("session/logout-everywhere", {}));

// Each of these sends a token with one part changed; the sign no longer fits.
const changed = (part, to) => token.split(".").map((text, i, all) => (i === (part + all.length) % all.length ? to(text) : text)).join(".");
const forgeries = {
  "token-rename": () => changed(0, (head) => head.replace(/_.*/, "_mallory")),
  "token-promote": () => changed(-2, (param) => (param === "role_admin" ? "role_reader" : "role_admin")),
  "token-younger": () => changed(1, (stamp) => String(Number(stamp) + 30)),
  "token-flip": () => changed(-1, (sign) => sign.slice(0, -1) + (sign.endsWith("0") ? "1" : "0")),
  "jwt-rename": () => {
    const [header, claims, signature] = jwt.split(".");
    return [header, encoded({ ...JSON.parse(decoded(claims)), sub: "mallory" }), signature].join(".");
  },
  "jwt-none": () => `${encoded({ alg: "none", typ: "at+jwt" })}.${jwt.split(".")[1]}.`,
};
for (const [id, forge] of Object.entries(forgeries)) {
  const [way] = id.split("-");
  act(id, async () => show(way, await call("api/me", { bearer: (way === "jwt" ? jwt : token) && forge() })));
}
act("token-me", async () => show("token", await call("api/me", { bearer: token })));
act("token-note", async () => show("token", await call("api/note", { bearer: token, body: { text: "a note from the page" } })));
act("jwt-me", async () => show("jwt", await call("api/me", { bearer: jwt })));
act("jwt-note", async () => show("jwt", await call("api/note", { bearer: jwt, body: { text: "a note from the page" } })));
act("jwt-refresh", async () => {
  const outcome = await call("refresh", { bearer: jwt, body: {} });
  show("jwt", outcome);
  if (!outcome.response.ok) return;
  ({ jwt } = outcome.answer);
  showJwt();
  tick();
});

showSession().then(tick);
// Whoever watches the servers of a cluster need not click.
setInterval(() => { if (!at("nodes").hidden) showSession().then(tick, () => {}); }, 2000);
