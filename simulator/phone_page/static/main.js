// Joins the parts: one phone per tab, whose number the tab keeps, and whose state the phone network keeps.

import { Refused, leave, post, state as readState } from "./api.js";
import { CallControl } from "./call.js";
import { voiceNotice } from "./browservoice.js";
import { CallView } from "./callview.js";
import { byId, element, formatNumber, notify, recall, remember } from "./dom.js";
import { keep, kept, phoneOfTab, rememberPhone } from "./kept.js";
import { listenTo } from "./microphone.js";
import { OtherEnd } from "./otherend.js";
import { ThreadView, countSegments } from "./thread.js";
import { Voice } from "./voice.js";
import { WebhooksView } from "./webhooks.js";

const POLL_MS = 600;
const HIDDEN_POLL_MS = 5000;

let phone = null;
let polling = 0;
let hasLocalVoice = true;
const voice = new Voice();
const otherVoice = new Voice();
const act = (action) => control.act(action);
const otherEnd = new OtherEnd(otherVoice, act, (on) => voice.ring(on), () => control.view.render(control));
const memory = { read: (name) => kept(phone, name), write: (name, value) => keep(phone, name, value) };
const control = new CallControl(voice, new CallView(act, otherEnd), sendAction, memory);
const threadView = new ThreadView(switchTo);
const webhooksView = new WebhooksView();

async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    notify(error.message);
    return null;
  }
}

function show(state) {
  if (!state || state.phone !== phone) return;
  byId("clock").textContent = state.time;
  byId("clock").classList.toggle("shifted", state.shifted);
  byId("clock").title = state.shifted ? "The line’s clock is shifted" : "The line’s clock";
  byId("own-number").textContent = formatNumber(state.phone);
  for (const id of ["hour", "moment"]) byId(id).disabled = !state.can_shift;
  byId("failure").value = state.failure;
  byId("too-many").checked = state.too_many;
  document.title = `${formatNumber(state.phone)} – call and text the line`;
  hasLocalVoice = state.voice;
  control.update(state.call);
  showVoiceNotice();
  threadView.render(state);
  attempt(() => webhooksView.render(state));
}

function showVoiceNotice() {
  const said = [...control.utterances, ...otherEnd.control.utterances];
  byId("voice-notice").textContent = voice.muted ? "" : voiceNotice(said, hasLocalVoice);
}

// What was typed on this phone before a reload.
function restoreKept() {
  byId("compose-input").value = kept(phone, "text") ?? "";
  byId("words-input").value = kept(phone, "words") ?? "";
  byId("hidden").checked = kept(phone, "hidden") ?? false;
  labelSend();
}

async function refresh() {
  const asked = phone;
  const state = await attempt(() => readState(asked));
  if (state && asked === phone) show(state);
}

async function poll() {
  clearTimeout(polling);
  await refresh();
  polling = setTimeout(poll, document.hidden ? HIDDEN_POLL_MS : POLL_MS);
}

async function sendAction(action, done) {
  const asked = phone;
  try {
    const state = await post(`/phone/${encodeURIComponent(asked)}/act`, action);
    done();
    show(state);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    // The call went on, or ended, while the person acted: show how it is now.
    if (error.status !== 409) notify(error.message);
    done();
    await refresh();
  }
}

function usePhone(number) {
  phone = number;
  rememberPhone(number);
  restoreKept();
}

async function switchTo(number) {
  voice.ring(false);
  for (const each of [control, otherEnd.control]) {
    each.voice.stop();
    each.stopTimer();
    each.first = true;
  }
  usePhone(number);
  await refresh();
}

async function newPhone() {
  const assigned = await attempt(() => post("/phone/assign"));
  if (assigned) await switchTo(assigned.phone);
}

async function call() {
  if (control.active) return control.hangUp();
  const hidden = byId("hidden").checked;
  byId("call-state").textContent = "Calling…";
  byId("call-button").disabled = true;
  const state = await attempt(() => post(`/phone/${encodeURIComponent(phone)}/call`, { hidden }));
  byId("call-button").disabled = false;
  if (state) show(state);
  else control.view.render(control);
  return state;
}

function press(key, pressed = control) {
  const name = pressed === control ? "key" : "other-key";
  const button = document.querySelector(`[data-${name}="${CSS.escape(key)}"]`);
  button.classList.add("down");
  setTimeout(() => button.classList.remove("down"), 120);
  pressed.press(key);
}

function typeKeys(event) {
  const typing = event.target.closest("input, textarea, select, summary, details, a");
  const inPhone = event.target === document.body || event.target.closest("#telephone, #other-end");
  if (typing || !inPhone || event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^[0-9*#]$/.test(event.key)) press(event.key, otherEnd.takesKeys ? otherEnd.control : control);
}

function showPane(name) {
  document.querySelector("main").dataset.shown = name;
  keep("tab", "pane", name);
  for (const button of document.querySelectorAll("[data-pane]")) {
    button.setAttribute("aria-pressed", String(button.dataset.pane === name));
  }
}

function setSound(on) {
  for (const each of [voice, otherVoice]) each.mute(!on);
  showVoiceNotice();
  byId("sound").setAttribute("aria-pressed", String(on));
  remember("sound", on ? "on" : "off");
}

function connectPhone() {
  for (const button of document.querySelectorAll("[data-key]")) {
    button.addEventListener("click", () => press(button.dataset.key));
  }
  byId("call-button").addEventListener("click", call);
  byId("silence").addEventListener("click", () => control.stayQuiet());
  byId("sound").addEventListener("click", () => setSound(voice.muted));
  document.addEventListener("keydown", typeKeys);
  byId("words").addEventListener("submit", (event) => {
    event.preventDefault();
    const words = byId("words-input").value.trim();
    byId("words-input").value = "";
    keep(phone, "words", "");
    if (words) control.say(words);
  });
  byId("words-input").addEventListener("input", (event) => keep(phone, "words", event.target.value));
  listenTo(byId("microphone"), () => control.call?.input?.language, (words) => control.say(words));
}

function labelSend() {
  const segments = countSegments(byId("compose-input").value);
  byId("compose").querySelector("[type=submit]").textContent = segments > 1 ? `Send (${segments} segments)` : "Send";
}

function writeText(text) {
  byId("compose-input").value = text;
  keep(phone, "text", text);
  labelSend();
}

function connectTexts() {
  const input = byId("compose-input");
  input.addEventListener("input", () => writeText(input.value));
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId("compose").requestSubmit();
  });
  byId("compose").addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = input.value.trim();
    if (!body) return;
    writeText("");
    const state = await attempt(() => post(`/phone/${encodeURIComponent(phone)}/text`, { body }));
    if (!state) return;
    if (state.error) notify(state.error);
    show(state);
  });
  byId("new-phone").addEventListener("click", newPhone);
}

function connectSwitches() {
  const change = async (path, body) => {
    await attempt(() => post(path, body));
    await refresh();
  };
  byId("hour").addEventListener("change", async (event) => {
    if (event.target.value) await change("/phone/hour", { hour: event.target.value });
    event.target.value = "";
  });
  byId("moment").addEventListener("change", (event) => event.target.value && change("/phone/hour", { hour: event.target.value }));
  byId("failure").addEventListener("change", (event) => change(`/phone/${encodeURIComponent(phone)}/failure`, { failure: event.target.value }));
  byId("too-many").addEventListener("change", (event) => change("/phone/too-many", { active: event.target.checked }));
  byId("hidden").addEventListener("change", (event) => keep(phone, "hidden", event.target.checked));
  byId("patient").addEventListener("change", (event) => {
    for (const each of [control, otherEnd.control]) each.setPatient(event.target.checked);
    remember("patient", event.target.checked ? "yes" : "no");
  });
  byId("patient").checked = control.patient = otherEnd.control.patient = recall("patient") === "yes";
}

async function start() {
  connectPhone();
  connectTexts();
  connectSwitches();
  setSound(recall("sound") !== "off");
  for (const button of document.querySelectorAll("[data-pane]")) {
    button.addEventListener("click", () => showPane(button.dataset.pane));
  }
  window.addEventListener("pagehide", () => phone && leave(phone));
  document.addEventListener("visibilitychange", () => !document.hidden && poll());
  window.speechSynthesis?.addEventListener("voiceschanged", showVoiceNotice);
  showPane(kept("tab", "pane") ?? "telephone");
  phone = await phoneOfTab();
  if (!phone) {
    const assigned = await attempt(() => post("/phone/assign"));
    if (!assigned) {
      document.querySelector("main").replaceChildren(element("p", {}, "Start infoline run, then reload this page."));
      return;
    }
    phone = assigned.phone;
  }
  usePhone(phone);
  await poll();
}

start();
