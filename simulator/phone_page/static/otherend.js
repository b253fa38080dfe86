// The other end of a transfer: the phone that rings, who answers it, and the whisper, which the caller does not hear.

import { CallControl } from "./call.js";
import { announce, renderTimer } from "./callview.js";
import { byId, element, formatNumber, nameOf } from "./dom.js";
import { Transcript, saidEntries } from "./transcript.js";

const OUTCOMES = [["busy", "Busy"], ["no-answer", "No answer"], ["failed", "Unreachable"]];
// What a person does on this phone, as an action on the caller's call.
const SENT_AS = { keys: "other_keys", silence: "other_silence", hangup: "other_hangup" };
const KEYS = [..."123456789*0#"];
const KEY_NAMES = { "*": "star", "#": "pound" };

export class OtherEnd {
  // act(action): what a person does on the caller's call. ring(on): the caller hears it ring. changed(): its state did.
  constructor(voice, act, ring, changed) {
    Object.assign(this, { act, ring, changed });
    this.control = new CallControl(voice, this, (action, done) => this.send(action, done));
    this.transcript = new Transcript(byId("other-transcript"));
    this.ringing = [];
    this.drawn = "";
    byId("other-keys").replaceChildren(...KEYS.map((key) => element("button", {
      type: "button", "data-other-key": key, "aria-label": `${KEY_NAMES[key] ?? key} at the other end`,
      onclick: () => this.control.press(key),
    }, key)));
  }

  // Whether the two people are connected; the whisper is spoken to its end first.
  get talks() {
    return this.control.call?.waits === "talk" && !this.control.speaking;
  }

  get takesKeys() {
    return this.control.listens && this.control.call.input.keys;
  }

  // caller: the control of the caller's phone.
  update(caller) {
    const { call } = caller;
    // While the line answers, both ends stay as they are.
    if (call?.waits === "line" && this.control.call) return;
    this.ringing = call?.waits === "transfer" && !caller.speaking ? call.ringing : [];
    const answered = call?.other ?? null;
    this.ring(this.ringing.length > 0);
    if (stamp(answered) === stamp(this.control.call)) this.render();
    else this.control.update(answered);
    this.control.first = false;
  }

  async send(action, done) {
    const kind = Object.keys(SENT_AS).find((name) => name in action);
    await this.act({ [SENT_AS[kind]]: action[kind] });
    done();
  }

  announce(text, language) {
    announce(`They hear: ${text}`, language);
  }

  reveal(control) {
    this.transcript.reveal(control);
  }

  render() {
    const { control } = this;
    const { call } = control;
    const box = byId("other-end");
    const open = this.ringing.length > 0 || Boolean(call);
    const focused = box.contains(document.activeElement);
    box.hidden = !open;
    document.body.classList.toggle("transferring", open);
    this.transcript.render(control, call ? entries(control) : []);
    renderTimer(byId("other-timer"), control);
    const state = !open ? "" : !call ? "ringing" : this.talks ? "talking" : "whisper";
    box.dataset.state = state;
    for (const key of byId("other-keys").children) key.disabled = !this.takesKeys;
    const drawn = JSON.stringify([state, call?.sid, this.ringing]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.renderHead(state);
    byId("other-actions").replaceChildren(...(state === "ringing" ? this.whoAnswers() : state ? [this.hangUp()] : []));
    if (focused && !box.contains(document.activeElement)) (box.querySelector("#other-actions button") ?? byId("call-button")).focus();
    this.changed();
  }

  renderHead(state) {
    const phones = this.control.call ? [this.control.call] : this.ringing;
    if (!phones.length) return;
    const several = phones.length > 1;
    byId("other-title").textContent = several ? "These phones ring" : nameOf(phones[0]);
    byId("other-number").textContent = several ? phones.map(nameOf).join(" · ") : phones[0].name ? formatNumber(phones[0].number) : "";
    byId("other-state").textContent = {
      ringing: "Ringing. What happens here?", whisper: "Hears this before the caller is connected", talking: "Talking with the caller",
    }[state];
    if (state !== "whisper") announce(`${byId("other-title").textContent}: ${byId("other-state").textContent}`, "en");
  }

  whoAnswers() {
    const several = this.ringing.length > 1;
    const button = (label, action, kind) => element("button", { type: "button", class: kind, onclick: () => this.act(action) }, label);
    return [
      ...this.ringing.map((phone) => button(several ? `Answer ${nameOf(phone)}` : "Answer", { pick_up: phone.number }, "answer")),
      ...OUTCOMES.map(([outcome, label]) => button(label, { dial: outcome })),
    ];
  }

  hangUp() {
    return element("button", { type: "button", class: "end", "aria-label": "Hang up at the other end", onclick: () => this.control.hangUp() }, "Hang up");
  }
}

function stamp(call) {
  return call && `${call.sid} ${call.turns.length} ${call.waits}`;
}

function entries(control) {
  return control.call.turns.flatMap((turn, number) => [
    ...control.call.actions.filter((each) => each.turn === number).map(({ kind, value }) =>
      ({ key: `did ${number}`, kind: "caller", text: kind === "keys" ? `Pressed ${value}` : "Pressed nothing" })),
    ...saidEntries(control, number),
    ...(turn.error ? [{ key: `error ${number}`, kind: "note wrong", text: turn.error }] : []),
  ]);
}
