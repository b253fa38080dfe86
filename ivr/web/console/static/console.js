// What pages do beyond HTML. Every page works without it.
"use strict";

// After an error, start where the error is.
for (const summary of document.querySelectorAll("[data-focus]")) summary.focus();

const triggerOf = (element) => element.getAttribute("hx-trigger") || "";

// Requests that a page makes on its own must not keep a session alive.
document.addEventListener("htmx:configRequest", (event) => {
  if (triggerOf(event.detail.elt).includes("every")) event.detail.headers["X-Live"] = "1";
});

// A part that keeps itself up to date and fails says how old it is, until it succeeds again. The time is the server's:
// that of the page, and what has passed since.
const age = document.querySelector("[data-stale]");
const openedAt = age && Date.parse(age.dataset.now);
const clock = age && new Intl.DateTimeFormat(`${document.documentElement.lang}-US`, {
  hour: "numeric", minute: "2-digit", timeZone: age.dataset.zone,
});
const freshAt = new Map();
const failing = new Set();
const showAge = () => {
  const since = Math.min(...[...failing].map((path) => freshAt.get(path) || openedAt));
  const words = failing.size ? age.dataset.stale.replace("{time}", clock.format(since)) : "";
  // Each change is read out.
  if (age.textContent !== words) age.textContent = words;
};

// What a button did not get is said beside it, and what was typed stays.
const notices = new WeakMap();
const refuse = (button, answer) => {
  const page = new DOMParser().parseFromString(answer, "text/html");
  const alert = page.querySelector("[role=alert]");
  const found = alert ? [alert] : [...page.querySelectorAll("main h1, main .lead")];
  const words = found.length ? found.map((part) => part.textContent.trim()) : [age.dataset.unreachable];
  const notice = document.createElement("div");
  notice.className = "notice notice-wrong";
  notice.setAttribute("role", "alert");
  for (const sentence of words) notice.append(Object.assign(document.createElement("p"), { textContent: sentence }));
  (button.closest(".buttons") || button).before(notice);
  notices.set(button, notice);
  notice.scrollIntoView({ block: "nearest" });
};

const fail = ({ detail }) => {
  const { elt, path } = detail.requestConfig;
  if (!/every|input/.test(triggerOf(elt))) return refuse(elt, detail.xhr.responseText);
  failing.add(path.split("?")[0]);
  showAge();
};
document.addEventListener("htmx:responseError", fail);
document.addEventListener("htmx:sendError", fail);
document.addEventListener("htmx:beforeRequest", (event) => notices.get(event.detail.elt)?.remove());
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.isError) return;
  const path = detail.requestConfig.path.split("?")[0];
  freshAt.set(path, openedAt + performance.now());
  if (failing.delete(path)) showAge();
});

// What somebody has opened stays open when the part that it is in is replaced.
let opened = [];
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  opened = [...detail.target.querySelectorAll("details[id][open]")].map((details) => details.id);
});
document.addEventListener("htmx:afterSwap", () => {
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
});

// A form that takes long says so, and is not sent twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "1";
  for (const button of form.querySelectorAll("[data-busy]")) {
    button.dataset.label = button.textContent;
    button.textContent = button.dataset.busy;
  }
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[data-label]")) button.textContent = button.dataset.label;
  }
});

// A warning before typed words are lost.
for (const form of document.querySelectorAll("[data-unsaved]")) {
  let changed = false;
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  window.addEventListener("beforeunload", (event) => {
    if (changed) event.preventDefault();
  });
}

// Dropping a file onto its field chooses it.
for (const zone of document.querySelectorAll("[data-drop]")) {
  const input = zone.querySelector("input[type=file]");
  const mark = (on) => zone.classList.toggle("drop-over", on);
  zone.addEventListener("dragover", (event) => { event.preventDefault(); mark(true); });
  zone.addEventListener("dragleave", () => mark(false));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}
