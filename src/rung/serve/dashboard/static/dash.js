// What the pages do by themselves: renew what goes on, fold the menu on a phone, show answers of the playground as they come.
"use strict";

const main = document.getElementById("main");
const stale = document.getElementById("stale");

// The menu. Without this script it is always open.
const menu = document.getElementById("menu");
if (menu) {
  const fold = (folded) => {
    document.body.classList.toggle("folded", folded);
    menu.setAttribute("aria-expanded", String(!folded));
  };
  menu.hidden = false;
  fold(true);
  menu.addEventListener("click", () => fold(!document.body.classList.contains("folded")));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.body.classList.contains("folded") && menu.offsetParent) {
      fold(true);
      menu.focus();
    }
  });
}

// Parts of a page that are marked `data-live` are taken anew from the page itself: never while somebody writes or selects in one,
// nor while nobody looks. What is open in one stays so.
const isBusy = (part) =>
  (part.contains(document.activeElement) && /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) ||
  [...part.querySelectorAll("input:not([type=hidden]), textarea")].some((field) => field.value !== field.defaultValue) ||
  (part.contains(getSelection().anchorNode) && !getSelection().isCollapsed);

const called = (details) => details.querySelector("summary").textContent + (details.closest("[aria-labelledby]")?.getAttribute("aria-labelledby") || "");

const renew = (page) => {
  stale.textContent = "";
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.querySelector(`[data-live="${part.dataset.live}"]`);
    const opened = new Set([...part.querySelectorAll("details[open]")].map(called));
    if (fresh) for (const one of fresh.querySelectorAll("details")) if (opened.has(called(one))) one.open = true;
    if (!fresh || fresh.innerHTML === part.innerHTML) continue;
    if (isBusy(part)) {
      stale.textContent = "What you write in is left as it was.";
      continue;
    }
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    const place = focused && [...part.querySelectorAll("a, button, summary, [tabindex]")].indexOf(focused);
    const scrolled = [...part.querySelectorAll("pre")].map((one) => one.scrollTop);
    part.replaceChildren(...document.adoptNode(fresh).childNodes);
    if (fresh.dateTime) part.dateTime = fresh.dateTime;
    part.querySelectorAll("pre").forEach((one, index) => (one.scrollTop = scrolled[index] ?? 0));
    if (focused) ((focused.id && document.getElementById(focused.id)) || part.querySelectorAll("a, button, summary, [tabindex]")[place] || main).focus();
  }
};

const every = Number(main.dataset.every);
if (every) {
  const look = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(location.href, { headers: { "X-Rung-Renews": "1" }, cache: "no-store", redirect: "error" });
        if (answer.status === 401) return location.reload();
        if (!answer.ok) throw new Error(String(answer.status));
        renew(new DOMParser().parseFromString(await answer.text(), "text/html"));
      } catch {
        stale.textContent = "The server does not answer: what is shown may be old.";
      }
    }
    setTimeout(look, every * 1000);
  };
  setTimeout(look, every * 1000);
}

// The playground: each answer in a column of its own, as it comes.
const ask = document.getElementById("ask");
if (ask && window.ReadableStream) {
  const answers = document.getElementById("answers");
  const send = document.getElementById("send");
  const stop = document.getElementById("stop");
  const trouble = document.getElementById("trouble");
  let going = null;

  const seconds = (value) =>
    value === null ? "—" : value < 0.0995 ? `${(value * 1000).toFixed(0)} ms` : `${value.toFixed(value < 9.995 ? 2 : 0)} s`;
  const count = (value) => (value === null ? "—" : value.toLocaleString("en-US"));

  const column = (ref) => {
    const card = document.getElementById("column").content.firstElementChild.cloneNode(true);
    const [title, words, fault, note] = card.children;
    title.textContent = ref;
    answers.append(card);
    return { card, words, fault, note };
  };

  const told = (shown, line) => {
    if (line.piece !== undefined) shown.words.append(line.piece);
    if (line.problem) shown.fault.textContent = `${line.problem}. ${line.hint || ""}`;
    if (!line.said) return;
    const said = line.said;
    shown.words.textContent = said.text;
    if (said.ending !== "answered") shown.fault.textContent = `${said.ending}: ${said.reason}`;
    const calls = said.calls.map((call) => `${call.name} ${call.outcome || ""}`).join(", ");
    shown.note.textContent =
      `${seconds(said.first_s)} to the first word, ${seconds(said.latency_s)} in all · ` +
      `${count(said.prompt_tokens)} tokens in, ${count(said.completion_tokens)} out` + (calls ? ` · called ${calls}` : "");
  };

  const stream = async (shown, fields, signal) => {
    try {
      const answer = await fetch("/playground/answer", { method: "POST", body: fields, signal });
      if (!answer.ok || answer.redirected) throw new Error(answer.status === 401 ? "Your session has ended: log in again." : "");
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        for (const line of lines) if (line) told(shown, JSON.parse(line));
      }
    } catch (error) {
      shown.fault.textContent = signal.aborted ? "Stopped." : error.message || "The server did not answer.";
    }
    shown.card.removeAttribute("aria-busy");
  };

  ask.addEventListener("submit", async (event) => {
    const fields = new URLSearchParams(new FormData(ask));
    const refs = [...new Set([...fields.getAll("ref"), fields.get("other").trim()])].filter(Boolean);
    event.preventDefault();
    trouble.textContent = refs.length === 0 ? "Choose who is to answer." : refs.length > 4 ? "At most 4 answer side by side." : "";
    if (trouble.textContent || going) return;
    going = new AbortController();
    send.disabled = true;
    stop.hidden = false;
    answers.replaceChildren();
    fields.delete("ref");
    fields.delete("other");
    await Promise.all(
      refs.map((ref) => {
        const mine = new URLSearchParams(fields);
        mine.append("ref", ref);
        return stream(column(ref), mine, going.signal);
      }),
    );
    going = null;
    send.disabled = false;
    stop.hidden = true;
  });
  stop.addEventListener("click", () => going && going.abort());
  document.getElementById("question").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask.requestSubmit();
  });
}
