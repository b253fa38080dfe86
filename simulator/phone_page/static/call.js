// A call: what is spoken when, what a key does at that moment, and how long the line waits. The phone of the caller has
// one, and so has the phone of a transfer that was picked up, for its whisper.
//
// As at Twilio, a key pressed during the prompts of a <Gather> stops them (barge-in), unless it has bargeIn="false";
// several keys may be pressed ahead of the end of a prompt; a key pressed before the <Gather> has begun is lost. A
// <Record> takes words until a key of its finishOnKey, or until silence.

const NO_MEMORY = { read: () => null, write: () => {} };

export class CallControl {
  // view: render(control), reveal(control), announce(text, language). send(action, done): does it, and shows the next
  // state. memory: read(name), write(name, value), for a reload: what was spoken, and what was typed ahead.
  constructor(voice, view, send, memory = NO_MEMORY) {
    Object.assign(this, { voice, view, send, memory });
    this.call = null;
    this.shown = 0;
    this.share = 0;
    this.keys = "";
    this.words = "";
    this.deadline = null;
    this.patient = false;
    this.playing = false;
    this.sending = false;
    this.first = true;
  }

  get utterances() {
    if (!this.call) return [];
    return this.call.turns.flatMap((turn, index) => turn.said.map((said, place) => ({ ...said, turn: index, place })));
  }

  get active() {
    return Boolean(this.call) && this.call.waits !== "over";
  }

  get speaking() {
    return this.shown < this.utterances.length;
  }

  get records() {
    return Boolean(this.call?.input?.record);
  }

  // Whether the line hears a key or a word now: its <Gather> or <Record> has begun.
  get listens() {
    const input = this.call?.input;
    return Boolean(input) && !this.sending && this.shown >= this.utterances.length - input.prompts;
  }

  get keysAreComplete() {
    const { digits, finish } = this.call.input;
    return Boolean(this.keys) && (this.keys.length === digits || (finish !== "" && this.keys.endsWith(finish)));
  }

  update(call) {
    const changed = call?.sid !== this.call?.sid;
    const turns = this.call?.turns.length ?? 0;
    const goesOn = changed || (call && call.turns.length !== turns);
    this.call = call;
    if (changed) {
      this.voice.stop();
      this.shown = this.first ? this.spokenBefore() : 0;
      this.share = 0;
    }
    if (goesOn) {
      this.stopTimer();
      this.restoreTyped();
    }
    this.first = false;
    this.view.render(this);
    this.speak();
  }

  // How many sentences a page spoke before its reload. A page that never showed the call does not say them again.
  spokenBefore() {
    const spoken = this.memory.read("spoken");
    const all = this.utterances.length;
    return spoken && spoken.sid === this.call?.sid ? Math.min(spoken.shown, all) : all;
  }

  restoreTyped() {
    const typed = this.first ? this.memory.read("typed") : null;
    const same = typed && typed.sid === this.call?.sid && typed.turns === this.call.turns.length;
    this.keys = same ? typed.keys : "";
    this.words = same ? typed.words : "";
  }

  keepTyped() {
    const { sid, turns } = this.call;
    this.memory.write("typed", { sid, turns: turns.length, keys: this.keys, words: this.words });
  }

  // The first sentences have been spoken, or were skipped.
  moveTo(shown) {
    this.shown = shown;
    this.share = 0;
    this.memory.write("spoken", { sid: this.call?.sid, shown });
  }

  async speak() {
    if (this.playing) return;
    this.playing = true;
    while (this.speaking) {
      const { sid } = this.call;
      const at = this.shown;
      const said = this.utterances[at];
      this.moveTo(at);
      this.view.announce(said.text, said.language);
      this.view.render(this);
      await this.voice.speak(said, (share) => {
        this.share = share;
        this.view.reveal(this);
      });
      if (this.call?.sid === sid && this.shown === at) {
        this.moveTo(at + 1);
        this.view.render(this);
      }
    }
    this.playing = false;
    this.view.render(this);
    this.waitForCaller();
  }

  // Show and skip the rest of what is being said.
  interrupt() {
    this.moveTo(this.utterances.length);
    this.voice.stop();
  }

  // The line waits for an answer; without one it hears silence, or what was typed so far.
  waitForCaller() {
    const input = this.call?.input;
    if (!input || this.deadline || this.sending || this.speaking || this.call.waits !== "keys") return;
    if (this.keysAreComplete || (this.words && !this.records)) {
      this.sendTyped();
      return;
    }
    if (this.records && input.beep && !this.words) this.voice.beep(`${this.call.sid} ${this.call.turns.length}`);
    if (this.patient) return;
    const milliseconds = input.seconds * 1000;
    this.deadline = { milliseconds, timer: setTimeout(() => this.timeOut(), milliseconds) };
    this.view.render(this);
  }

  stopTimer() {
    clearTimeout(this.deadline?.timer);
    this.deadline = null;
  }

  // The caller says nothing, or nothing more.
  stayQuiet() {
    this.interrupt();
    return this.timeOut();
  }

  timeOut() {
    this.stopTimer();
    return this.keys || this.words ? this.sendTyped() : this.act({ silence: true });
  }

  press(key) {
    this.voice.key(key);
    if (key === "*" && this.call?.star) {
      this.act({ keys: key });
      return;
    }
    if (!this.listens || !this.call.input.keys || this.keysAreComplete) return;
    if (this.records) {
      if (this.call.input.finish.includes(key)) this.act(this.words ? { speech: this.takeWords(), ended_by: key } : { keys: key });
      return;
    }
    this.keys += key;
    this.goOn();
  }

  say(words) {
    if (!this.listens || !this.call.input.speech || (this.words && !this.records)) return;
    this.words = this.words ? `${this.words} ${words}` : words;
    this.goOn();
  }

  // Something was typed: the prompt stops if it may be interrupted, and the time for an answer begins again.
  goOn() {
    this.keepTyped();
    if (this.call.input.barge_in) this.interrupt();
    this.stopTimer();
    this.view.render(this);
    this.waitForCaller();
  }

  sendTyped() {
    if (this.words) return this.act({ speech: this.takeWords() });
    const { keys } = this;
    this.keys = "";
    return this.act({ keys });
  }

  takeWords() {
    const { words } = this;
    this.words = "";
    return words;
  }

  async act(action) {
    if (!this.call || this.sending) return;
    this.stopTimer();
    this.sending = true;
    this.view.render(this);
    const { sid, turns } = this.call;
    await this.send({ sid, turn: turns.length, ...action }, () => { this.sending = false; });
    this.sending = false;
    this.view.render(this);
    this.waitForCaller();
  }

  setPatient(patient) {
    this.patient = patient;
    this.stopTimer();
    this.view.render(this);
    this.waitForCaller();
  }

  hangUp() {
    this.interrupt();
    this.stopTimer();
    const words = this.records ? this.takeWords() : "";
    return this.act(words ? { hangup: true, words } : { hangup: true });
  }
}
