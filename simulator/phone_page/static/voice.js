// Sounds: the voice of the line, the tones of the keys, the beep of a recording, and the ringing of a transfer.

import { browserVoice } from "./browservoice.js";

const MUTED_MS_PER_CHARACTER = 22;
const TICK_MS = 60;
const TONES = {
  1: [697, 1209], 2: [697, 1336], 3: [697, 1477], 4: [770, 1209], 5: [770, 1336], 6: [770, 1477],
  7: [852, 1209], 8: [852, 1336], 9: [852, 1477], "*": [941, 1209], 0: [941, 1336], "#": [941, 1477],
};
const RINGBACK = [440, 480];
const BEEP = [1000];

export class Voice {
  constructor() {
    this.muted = false;
    this.source = null;
    this.finish = null;
    this.ringer = 0;
    this.beeped = "";
  }

  // Speak one sentence; progress(share) is called while it is spoken. Resolves to false if it was interrupted.
  // said: with its text and language; sound: where the local voice has it; else spoken: the words for the browser.
  speak(said, progress) {
    this.stop();
    return new Promise((resolve) => {
      let timer = 0;
      const done = (complete) => {
        if (this.finish !== done) return;
        this.finish = null;
        clearInterval(timer);
        this.source?.stop();
        this.source = null;
        resolve(complete);
      };
      this.finish = done;
      const every = (share) => {
        clearInterval(timer);
        timer = setInterval(() => {
          const now = share();
          progress(Math.min(1, now));
          if (now >= 1) done(true);
        }, TICK_MS);
      };
      // Without sound, each sentence is shown for about as long as it takes to read.
      const showOnly = () => {
        if (this.finish !== done) return;
        this.source = null;
        const started = Date.now();
        const end = Math.max(300, said.text.length * MUTED_MS_PER_CHARACTER);
        every(() => (Date.now() - started) / end);
      };
      if (this.muted) {
        showOnly();
        return;
      }
      const start = said.sound ? playSound : speakInBrowser;
      this.source = start(said, () => this.finish === done && done(true), showOnly);
      if (this.source) every(() => Math.min(this.source?.share() ?? 0, 0.999));
    });
  }

  stop() {
    if (this.finish) this.finish(false);
  }

  mute(muted) {
    this.muted = muted;
    this.source?.mute(muted);
    if (muted) this.ring(false);
  }

  key(key) {
    this.tone(TONES[key], 0.14, 0.05);
  }

  // What a recording begins with, once for each.
  beep(recording) {
    if (this.beeped === recording) return;
    this.beeped = recording;
    this.tone(BEEP, 0.4, 0.04);
  }

  ring(on) {
    if (on === Boolean(this.ringer)) return;
    clearInterval(this.ringer);
    this.ringer = 0;
    if (!on) return;
    this.tone(RINGBACK, 1.6, 0.03);
    this.ringer = setInterval(() => this.tone(RINGBACK, 1.6, 0.03), 5000);
  }

  tone(frequencies, seconds, volume) {
    if (this.muted || !frequencies || !window.AudioContext || !navigator.userActivation?.hasBeenActive) return;
    this.context ||= new AudioContext();
    const now = this.context.currentTime;
    const gain = this.context.createGain();
    gain.gain.setValueAtTime(volume, now);
    gain.gain.setTargetAtTime(0, now + seconds, 0.015);
    gain.connect(this.context.destination);
    for (const frequency of frequencies) {
      const oscillator = this.context.createOscillator();
      oscillator.frequency.value = frequency;
      oscillator.connect(gain);
      oscillator.start(now);
      oscillator.stop(now + seconds + 0.1);
    }
  }
}

// A source of sound: share() of what was played, mute(muted), stop().
function playSound(said, ended, failed) {
  const audio = new Audio(said.sound);
  audio.addEventListener("ended", ended);
  audio.addEventListener("error", failed);
  // A browser plays nothing before the first click on the page.
  audio.play().catch(failed);
  return {
    share: () => (audio.duration ? audio.currentTime / audio.duration : 0),
    mute: (muted) => { audio.muted = muted; },
    stop: () => audio.pause(),
  };
}

function speakInBrowser(said, ended, failed) {
  const voice = browserVoice(said.language);
  if (!voice) {
    failed();
    return null;
  }
  const utterance = new SpeechSynthesisUtterance(said.spoken);
  utterance.voice = voice;
  utterance.lang = said.language || "en-US";
  let share = 0;
  utterance.addEventListener("boundary", (event) => { share = event.charIndex / said.spoken.length; });
  utterance.addEventListener("end", ended);
  utterance.addEventListener("error", failed);
  speechSynthesis.speak(utterance);
  return {
    // A browser forgets an utterance that nothing refers to, and then says no end of it.
    utterance,
    share: () => share,
    mute: (muted) => muted && speechSynthesis.cancel(),
    stop: () => speechSynthesis.cancel(),
  };
}
