"use strict";
const at = (id) => document.getElementById(id);
const target = document.querySelector("main").dataset.target;

/** Sends what another site can send; the answer it cannot read. */
async function attack(path, headers) {
  try {
    await fetch(target + path, {
      method: "POST", credentials: "include", mode: headers ? "cors" : "no-cors", headers,
      body: JSON.stringify({ text: "in your name" }),
    });
    at("said").textContent = "sent";
  } catch {
    at("said").textContent = "the browser did not send it: nobody has allowed this site to set headers";
  }
  await showJournal();
}

async function showJournal() {
  const entries = await (await fetch("journal")).json();
  if (entries.length === 0) return;
  at("journal").replaceChildren(...entries.reverse().map((entry) => {
    const row = document.createElement("tr");
    const answer = `${entry.status} ${entry.status < 300 ? "admitted" : "refused"}${entry.reason ? `: ${entry.reason}` : ""}`;
    const cells = [`${entry.method} ${entry.path}`, entry.site, entry.cookie ? "sent" : "none", entry.bearer ? "sent" : "none", answer];
    row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    row.lastChild.className = entry.status < 300 ? "ok" : "refused";
    return row;
  }));
}

at("try-session").addEventListener("click", () => attack("/session/note"));
at("try-token").addEventListener("click", () => attack("/api/note", { Authorization: "Bearer cs1_alice.1700000000.00" }));
at("try-jwt").addEventListener("click", () => attack("/api/note", { Authorization: "Bearer eyJhbGciOiJub25lIn0.e30." }));
showJournal();
