// The call: what is spoken when, what a key does at that moment, and how long the line waits.
//
// As at Twilio, a key pressed during the prompts of a <Gather> stops them (barge-in); several keys may be pressed ahead
// of the end of a prompt; a key pressed before the <Gather> has begun is lost.

export class CallControl {
  // view: render(control), announce(text). send(action): does it, and answers the next state.
  constructor(voice, view, send) {
    Object.assign(this, { voice, view, send });
    this.call = null;
    this.shown = 0;
    this.share = 0;
    this.keys = "";
    this.deadline = null;
    this.patient = false;
    this.speaking = false;
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

  // Whether the line hears a key now: its <Gather> has begun, and takes keys.
  get listens() {
    const gather = this.call?.gather;
    return Boolean(gather) && !this.sending && this.shown >= this.utterances.length - gather.prompts;
  }

  update(call) {
    const changed = call?.sid !== this.call?.sid;
    const turns = this.call?.turns.length ?? 0;
    this.call = call;
    if (changed) {
      this.voice.stop();
      this.keys = "";
      this.shown = 0;
      this.share = 0;
      // A reload shows what was said already, without saying it again.
      if (this.first) this.shown = this.utterances.length;
    }
    this.first = false;
    if (changed || (call && call.turns.length !== turns)) this.stopTimer();
    this.view.render(this);
    this.speak();
  }

  async speak() {
    if (this.speaking) return;
    this.speaking = true;
    while (this.shown < this.utterances.length) {
      const { sid } = this.call;
      const at = this.shown;
      const said = this.utterances[at];
      this.view.announce(said.text, said.language);
      this.share = 0;
      await this.voice.speak(`/phone/sound/${sid}/${said.turn}/${said.place}`, said.text, said.sound, (share) => {
        this.share = share;
        this.view.reveal(this);
      });
      if (this.call?.sid === sid && this.shown === at) {
        this.shown = at + 1;
        this.share = 0;
        this.view.render(this);
      }
    }
    this.speaking = false;
    this.view.render(this);
    this.waitForCaller();
  }

  // Show and skip the rest of what is being said.
  interrupt() {
    this.shown = this.utterances.length;
    this.voice.stop();
  }

  // The line waits for an answer; without one it hears silence, or the keys so far.
  waitForCaller() {
    const gather = this.call?.gather;
    if (!gather || this.patient || this.deadline || this.sending || this.call.waits !== "keys") return;
    const milliseconds = gather.seconds * 1000;
    this.deadline = { milliseconds, timer: setTimeout(() => this.timeOut(), milliseconds) };
    this.view.render(this);
  }

  stopTimer() {
    clearTimeout(this.deadline?.timer);
    this.deadline = null;
  }

  timeOut() {
    this.stopTimer();
    if (this.keys) return this.sendKeys();
    return this.act({ silence: true });
  }

  press(key) {
    this.voice.key(key);
    if (!this.listens || !this.call.gather.keys) return false;
    const { digits, finish } = this.call.gather;
    this.interrupt();
    this.stopTimer();
    this.keys += key;
    this.view.render(this);
    if (this.keys.length === digits || (finish && key === finish)) this.sendKeys();
    else this.waitForCaller();
    return true;
  }

  sendKeys() {
    const { keys } = this;
    this.keys = "";
    return this.act({ keys });
  }

  say(words) {
    if (!this.listens) return null;
    this.interrupt();
    return this.act({ speech: words });
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
    if (!this.speaking) this.waitForCaller();
  }

  setPatient(patient) {
    this.patient = patient;
    this.stopTimer();
    this.view.render(this);
    if (!this.speaking) this.waitForCaller();
  }

  hangUp() {
    this.interrupt();
    this.stopTimer();
    return this.act({ hangup: true });
  }
}
