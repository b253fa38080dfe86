// Sounds: the line's voice, the tones of the keys, and the ringing of a transfer.

const MUTED_MS_PER_CHARACTER = 22;
const TICK_MS = 60;
const TONES = {
  1: [697, 1209], 2: [697, 1336], 3: [697, 1477], 4: [770, 1209], 5: [770, 1336], 6: [770, 1477],
  7: [852, 1209], 8: [852, 1336], 9: [852, 1477], "*": [941, 1209], 0: [941, 1336], "#": [941, 1477],
};
const RINGBACK = [440, 480];

export class Voice {
  constructor() {
    this.muted = false;
    this.audio = null;
    this.finish = null;
    this.ringer = 0;
  }

  // Speak one sentence; progress(share) is called while it is spoken. Resolves to false if it was interrupted.
  speak(url, text, hasSound, progress) {
    this.stop();
    return new Promise((resolve) => {
      const done = (complete) => {
        if (this.finish !== done) return;
        this.finish = null;
        clearInterval(timer);
        if (this.audio) this.audio.pause();
        this.audio = null;
        resolve(complete);
      };
      this.finish = done;
      const silent = () => {
        clearInterval(timer);
        const end = Math.max(300, text.length * MUTED_MS_PER_CHARACTER);
        const started = Date.now();
        timer = setInterval(() => {
          const share = (Date.now() - started) / end;
          progress(Math.min(1, share));
          if (share >= 1) done(true);
        }, TICK_MS);
      };
      let timer = 0;
      if (this.muted || !hasSound) return silent();
      const audio = new Audio(url);
      this.audio = audio;
      timer = setInterval(() => {
        if (audio.duration) progress(audio.currentTime / audio.duration);
      }, TICK_MS);
      audio.addEventListener("ended", () => { progress(1); done(true); });
      audio.addEventListener("error", () => this.finish === done && silent());
      // A browser plays nothing before the first click on the page.
      audio.play().catch(() => this.finish === done && this.audio === audio && silent());
    });
  }

  stop() {
    if (this.finish) this.finish(false);
  }

  mute(muted) {
    this.muted = muted;
    if (this.audio) this.audio.muted = muted;
    if (muted) this.ring(false);
  }

  key(key) {
    this.tone(TONES[key], 0.14, 0.05);
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
