// Draws the call: what was said, what was pressed, the other end of a transfer, and an incoming call.

import { byId, element, formatNumber, scrollToEnd } from "./dom.js";

const OUTCOMES = [["busy", "Busy"], ["no-answer", "No answer"], ["failed", "Unreachable"]];
const ENDED = {
  completed: "Call ended", busy: "Busy", "no-answer": "No answer", failed: "Call failed", canceled: "Canceled",
};

export class CallView {
  // act(action): what the person of a button does.
  constructor(act) {
    this.act = act;
    this.items = [];
    this.sid = null;
    this.other = "";
  }

  render(control) {
    const { call } = control;
    document.body.dataset.call = this.stateOf(control);
    byId("call-state").textContent = this.describe(control);
    byId("call-button").lastElementChild.textContent = control.active ? "Hang up" : "Call";
    byId("call-button").classList.toggle("end", control.active);
    const listens = control.listens && call.waits === "keys";
    const words = byId("words-input");
    words.disabled = !(listens && call.gather.speech);
    words.placeholder = listens && !call.gather.speech ? "Keys only now" : "Say something…";
    byId("words").querySelector("[type=submit]").disabled = words.disabled;
    byId("microphone").disabled = words.disabled;
    byId("silence").disabled = !listens;
    this.renderTimer(control);
    this.renderTranscript(control);
    this.renderOtherEnd(control);
    this.renderIncoming(call);
  }

  stateOf(control) {
    const { call } = control;
    if (!call || call.waits === "over") return control.speaking ? "speaking" : "idle";
    if (control.speaking) return "speaking";
    if (control.sending || call.waits === "line") return "thinking";
    return { answer: "incoming", transfer: "ringing" }[call.waits] ?? "listening";
  }

  describe(control) {
    const { call } = control;
    if (!call) return "Ready to call";
    const state = this.stateOf(control);
    if (state === "idle") return ENDED[call.status] ?? "Call ended";
    const typed = control.keys ? `You typed ${control.keys}` : null;
    return typed ?? { speaking: "Speaking", thinking: "One moment…", incoming: "The line is calling you",
      ringing: "Ringing another phone", listening: "Your turn: press a key or speak" }[state];
  }

  renderTimer(control) {
    const timer = byId("timer");
    timer.hidden = !control.deadline;
    if (control.deadline && timer.dataset.of !== String(control.deadline.timer)) {
      timer.dataset.of = control.deadline.timer;
      timer.replaceChildren(element("i", {}));
      timer.firstElementChild.style.animationDuration = `${control.deadline.milliseconds}ms`;
    }
  }

  announce(text, language) {
    const live = byId("said-live");
    live.lang = language || "en";
    live.textContent = text;
  }

  renderTranscript(control) {
    const list = byId("transcript");
    if (control.call?.sid !== this.sid) {
      this.sid = control.call?.sid ?? null;
      this.items = [];
      list.replaceChildren();
    }
    const wanted = control.call ? this.entries(control) : [];
    let added = false;
    wanted.forEach((entry, index) => {
      const item = this.items[index];
      if (item?.key === entry.key) return;
      const node = element("li", { class: entry.kind, lang: entry.language }, entry.text);
      if (item) item.node.replaceWith(node);
      else list.append(node);
      this.items[index] = { key: entry.key, node };
      added = true;
    });
    for (const item of this.items.splice(wanted.length)) item.node.remove();
    if (added) scrollToEnd(list);
    this.reveal(control);
  }

  // The sentence being spoken appears word by word.
  reveal(control) {
    const list = byId("transcript");
    for (const node of list.querySelectorAll(".now")) node.classList.remove("now");
    const said = control.utterances[control.shown];
    const item = said && this.items.find((each) => each.key.startsWith(`say ${said.turn} ${said.place} `));
    if (!item) return;
    item.node.classList.add("now");
    const end = Math.ceil(said.text.length * control.share);
    const cut = control.share >= 1 ? said.text.length : Math.max(said.text.lastIndexOf(" ", end), 0);
    item.node.replaceChildren(said.text.slice(0, cut), element("span", { class: "unspoken" }, said.text.slice(cut)));
    scrollToEnd(list);
  }

  entries(control) {
    const { call } = control;
    const entries = [];
    let index = 0;
    call.turns.forEach((turn, number) => {
      for (const action of call.actions.filter((each) => each.turn === number)) entries.push(describeAction(action, number));
      if (turn.whispered.length) {
        entries.push({ key: `whisper ${number}`, kind: "note", text: `To the person who answered: “${turn.whispered.join(" ")}”` });
      }
      turn.said.forEach((said, place) => {
        if (index <= control.shown) {
          const whole = index < control.shown;
          entries.push({ key: `say ${number} ${place} ${whole}`, kind: "line", text: spoken(said.text), language: said.language });
        }
        index += 1;
      });
      const heard = index <= control.shown;
      if (turn.dial.length && heard) {
        entries.push({ key: `dial ${number}`, kind: "note", text: `Calling ${turn.dial.map(formatNumber).join(" and ")}` });
      }
      if (turn.error) entries.push({ key: `error ${number}`, kind: "note wrong", text: turn.error });
    });
    if (call.waits === "over" && control.shown >= control.utterances.length) {
      entries.push({ key: "over", kind: "note", text: "The call is over." });
    }
    return entries;
  }

  renderOtherEnd(control) {
    const { call } = control;
    const box = byId("other-end");
    const spokenAll = control.shown >= control.utterances.length;
    const ringing = call?.waits === "transfer" && spokenAll && !control.sending ? call.ringing : [];
    const key = `${call?.sid} ${call?.turns.length} ${JSON.stringify(ringing)}`;
    control.voice.ring(ringing.length > 0);
    if (key === this.other) return;
    this.other = key;
    box.hidden = !ringing.length;
    box.replaceChildren(...ringing.map((each) => this.otherPhone(each)));
  }

  otherPhone({ number, whispers }) {
    const choose = (outcome, more = {}) => () => this.act({ dial: outcome, number, ...more });
    const button = (label, onclick, kind) => element("button", { type: "button", class: kind, onclick }, label);
    return element("div", { class: "ringing-phone" },
      element("p", {}, element("strong", {}, formatNumber(number)), " is ringing. Who answers?"),
      element("div", { class: "choices" },
        button("Answer", choose("completed"), "answer"),
        whispers ? button("Answer, then decline", choose("completed", { accept: false })) : null,
        ...OUTCOMES.map(([outcome, label]) => button(label, choose(outcome)))));
  }

  renderIncoming(call) {
    const box = byId("incoming");
    const rings = call?.waits === "answer";
    if (box.hidden === !rings) return;
    box.hidden = !rings;
    const button = (label, action, kind) =>
      element("button", { type: "button", class: kind, onclick: () => this.act(action) }, label);
    box.replaceChildren(button("Answer", { answer: true }, "answer"),
      button("Voicemail answers", { answer: "machine" }), button("Decline", { hangup: true }));
  }
}

function spoken(text) {
  return text.startsWith("[audio ") ? "♪ a recording" : text;
}

function describeAction({ kind, value }, number) {
  const text = {
    keys: `Pressed ${value}`, speech: `“${value}”`, silence: "Said nothing", hangup: "Hung up",
    answer: value === "machine" ? "Voicemail answered" : "Answered",
    dial: { completed: "They answered", busy: "They were busy", "no-answer": "No one answered", failed: "They were unreachable" }[value],
  }[kind];
  return { key: `did ${number} ${kind}`, kind: kind === "dial" ? "note" : "caller", text };
}
