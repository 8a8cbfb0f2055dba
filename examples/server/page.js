"use strict";
// The token lives in this variable alone: no cookie, no storage, nothing that a browser sends by itself.
let token = "";

const at = (id) => document.getElementById(id);

async function call(path, bearer, body) {
  const headers = {};
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  let answer;
  try { answer = JSON.parse(text); } catch { answer = { title: text }; }
  show(response, answer);
  return { response, answer };
}

function show(response, answer) {
  at("answer").hidden = false;
  at("status").textContent = `${response.status} ${response.ok ? "admitted" : "refused"}`;
  at("status").className = response.ok ? "ok" : "refused";
  at("reason").textContent = response.headers.get("WWW-Authenticate") ?? "";
  // The sign is a secret: it is shown above on purpose, and nowhere else.
  const printable = answer.token ? { ...answer, token: "(above)", jwt: "(another way)" } : answer;
  at("body").textContent = JSON.stringify(printable, null, 2);
}

function showToken() {
  const parts = token.split(".");
  const underscore = parts[0].indexOf("_") + 1;
  const spans = [["prefix", parts[0].slice(0, underscore)], ["uid", parts[0].slice(underscore)], ["stamp", parts[1]]];
  for (const param of parts.slice(2, -1)) spans.push(["param", param]);
  spans.push(["sign", parts.at(-1)]);
  const line = at("token");
  line.replaceChildren();
  spans.forEach(([name, text], i) => {
    if (i > 1) line.append(".");
    const span = document.createElement("span");
    span.className = name;
    span.textContent = text;
    line.append(span);
  });
  at("signed-in").hidden = false;
}

setInterval(() => {
  if (token) at("age").textContent = Math.max(0, Math.round(Date.now() / 1000) - Number(token.split(".")[1]));
}, 1000);

at("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { response, answer } = await call("login", "", { user: at("user").value, password: at("password").value });
  if (!response.ok) return;
  token = answer.token;
  showToken();
});

// Each of these sends a token with one part changed; the sign no longer fits.
const changed = (part, to) => token.split(".").map((text, i, all) => (i === (part + all.length) % all.length ? to(text) : text)).join(".");
const forgeries = {
  rename: () => changed(0, (head) => head.replace(/_.*/, "_mallory")),
  promote: () => changed(2, (param) => (param === "role_admin" ? "role_reader" : "role_admin")),
  refresh: () => changed(1, (stamp) => String(Number(stamp) + 30)),
  flip: () => changed(-1, (sign) => sign.slice(0, -1) + (sign.endsWith("0") ? "1" : "0")),
};
for (const [id, forge] of Object.entries(forgeries)) at(id).addEventListener("click", () => call("api/me", forge()));
at("me").addEventListener("click", () => call("api/me", token));
at("note").addEventListener("click", () => call("api/note", token, { text: "a note from the page" }));
