// Draws the call on the phone: its state, what was said and pressed, an incoming call, and a conference.

import { byId, element, nameOf } from "./dom.js";
import { Transcript, isHeard, saidEntries } from "./transcript.js";

const ENDED = {
  completed: "Call ended", busy: "Busy", "no-answer": "No answer", failed: "Call failed", canceled: "Canceled",
};
const STATES = {
  speaking: "Speaking", thinking: "One moment…", incoming: "The line is calling you", ringing: "Ringing another phone",
  talking: "You are talking", recording: "Recording. A key ends it.",
};

export class CallView {
  // act(action): what the person of a button does. other: the other end of a transfer.
  constructor(act, other) {
    Object.assign(this, { act, other });
    this.transcript = new Transcript(byId("transcript"));
  }

  render(control) {
    const { call } = control;
    document.body.dataset.call = this.stateOf(control);
    byId("call-state").textContent = this.describe(control);
    byId("call-button").lastElementChild.textContent = control.active ? "Hang up" : "Call";
    byId("call-button").classList.toggle("end", control.active);
    const listens = control.listens && call.waits === "keys";
    const words = byId("words-input");
    words.disabled = !(listens && call.input.speech);
    words.placeholder = listens && !call.input.speech ? "Keys only now" : "Say something…";
    byId("words").querySelector("[type=submit]").disabled = words.disabled;
    byId("microphone").disabled = words.disabled;
    byId("silence").disabled = !listens;
    renderTimer(byId("timer"), control);
    // The transcript scrolls to its end in the space that the buttons leave.
    this.renderChoices(control);
    this.transcript.render(control, call ? this.entries(control) : HINT);
    this.other.update(control);
    document.body.toggleAttribute("data-star", Boolean(call?.star));
  }

  stateOf(control) {
    const { call } = control;
    if (control.speaking) return "speaking";
    if (!call || call.waits === "over") return "idle";
    if (call.conference) return "conference";
    if (call.waits === "transfer") return this.other.talks ? "talking" : "ringing";
    if (control.sending || call.waits === "line") return "thinking";
    if (call.waits === "answer") return "incoming";
    return control.records ? "recording" : "listening";
  }

  describe(control) {
    const { call } = control;
    if (!call) return "Ready to call";
    if (control.keys) return `You typed ${control.keys}`;
    const state = this.stateOf(control);
    if (state === "idle") return ENDED[call.status] ?? "Call ended";
    if (state === "listening") return call.input.speech ? "Your turn: press a key or speak" : "Your turn: press a key";
    if (state === "conference") return `In conference ${call.conference}`;
    return STATES[state];
  }

  reveal(control) {
    this.transcript.reveal(control);
  }

  announce(text, language) {
    announce(text, language);
  }

  entries(control) {
    const { call } = control;
    const entries = [];
    call.turns.forEach((turn, number) => {
      for (const action of call.actions.filter((each) => each.turn === number)) {
        entries.push(...describeAction(action, number, turn.other_end, call.turns[number - 1]?.conference));
      }
      entries.push(...saidEntries(control, number));
      if (turn.dial.length && isHeard(control, number)) {
        entries.push({ key: `dial ${number}`, kind: "note", text: `Calling ${turn.dial.map(nameOf).join(" and ")}` });
      }
      if (turn.conference && isHeard(control, number)) {
        entries.push({ key: `conference ${number}`, kind: "note", text: `Joined the conference ${turn.conference}` });
      }
      if (turn.other_end === "limit") {
        entries.push({ key: `limit ${number}`, kind: "note", text: "The time limit of the transfer ended the talk" });
      }
      if (turn.other_end === "talk" && (this.other.talks || call.waits !== "transfer")) {
        entries.push({ key: `talk ${number}`, kind: "note", text: "They answered" });
      }
      if (turn.error) entries.push({ key: `error ${number}`, kind: "note wrong", text: turn.error });
    });
    if (control.words) entries.push({ key: `words ${control.words}`, kind: "caller", text: `“${control.words}”` });
    if (call.waits === "over" && !control.speaking) {
      entries.push({ key: "over", kind: "note", text: "The call is over." });
    }
    return entries;
  }

  renderChoices(control) {
    const { call } = control;
    const kind = call?.waits === "answer" ? "incoming" : this.stateOf(control) === "conference" ? "conference" : "";
    const box = byId("call-choices");
    if (box.dataset.of === kind) return;
    const focused = box.contains(document.activeElement);
    box.dataset.of = kind;
    box.hidden = !kind;
    box.replaceChildren(...(CHOICES[kind] ?? []).map(([label, action, look]) =>
      element("button", { type: "button", class: look, onclick: () => this.act(action) }, label)));
    if (focused) byId("call-button").focus();
  }
}

const CHOICES = {
  incoming: [["Answer", { answer: true }, "answer"], ["Voicemail answers", { answer: "machine" }], ["Decline", { hangup: true }]],
  conference: [["Leave", { dial: "completed" }]],
};
const HINT = [{ key: "hint", kind: "note hint", text: "Press Call, then answer with keys or in your own words." }];

export function announce(text, language) {
  const live = byId("said-live");
  live.lang = language || "en";
  live.textContent = text;
}

export function renderTimer(timer, control) {
  timer.hidden = !control.deadline;
  if (control.deadline && timer.dataset.of !== String(control.deadline.timer)) {
    timer.dataset.of = control.deadline.timer;
    timer.replaceChildren(element("i", {}));
    timer.firstElementChild.style.animationDuration = `${control.deadline.milliseconds}ms`;
  }
}

const DIALED = {
  completed: "They answered", busy: "They were busy", "no-answer": "No one answered", failed: "They were unreachable",
};
const ENDS = { declined: "They did not take the call", ended: "They hung up" };

// What the caller did, and how a transfer ended. They do not notice the rest of what happens at its other end.
function describeAction({ kind, value }, number, otherEnd, conference) {
  const key = `did ${number} ${kind}`;
  const did = {
    keys: `Pressed ${value}`, speech: `“${value}”`, silence: "Said nothing", hangup: "Hung up",
    answer: value === "machine" ? "Voicemail answered" : "Answered",
  }[kind];
  if (did) return [{ key, kind: "caller", text: did }];
  const end = kind !== "dial" ? ENDS[otherEnd] : conference ? "Left the conference" : DIALED[value];
  return end ? [{ key, kind: "note", text: end }] : [];
}
