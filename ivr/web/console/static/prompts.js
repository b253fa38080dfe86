// Recording with the microphone. The pages work without it.
"use strict";

// A 16-bit WAV with one channel, which the line understands, whatever the browser records.
async function toWav(blob) {
  const context = new AudioContext();
  const sound = await context.decodeAudioData(await blob.arrayBuffer());
  await context.close();
  const samples = sound.getChannelData(0);
  const view = new DataView(new ArrayBuffer(44 + samples.length * 2));
  const text = (offset, word) => [...word].forEach((letter, index) => view.setUint8(offset + index, letter.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + samples.length * 2, true); text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, sound.sampleRate, true); view.setUint32(28, sound.sampleRate * 2, true);
  view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, samples.length * 2, true);
  samples.forEach((sample, index) => view.setInt16(44 + index * 2, Math.max(-1, Math.min(1, sample)) * 32767, true));
  return new File([view], "recording.wav", { type: "audio/wav" });
}

function addRecorder(form) {
  const input = form.querySelector("input[type=file]");
  const button = document.createElement("button");
  const status = document.createElement("p");
  const player = document.createElement("audio");
  let recorder = null, address = "";
  Object.assign(button, { type: "button", className: "btn btn-secondary", textContent: form.dataset.record });
  Object.assign(player, { controls: true, hidden: true });
  status.className = "hint";
  status.setAttribute("aria-live", "polite");
  const buttons = document.createElement("div");
  buttons.className = "buttons";
  buttons.append(button);
  form.querySelector(".field").after(buttons, status, player);

  const keep = async (pieces, type) => {
    try {
      const file = await toWav(new Blob(pieces, { type }));
      const files = new DataTransfer();
      files.items.add(file);
      input.files = files.files;
      URL.revokeObjectURL(address);
      address = URL.createObjectURL(file);
      Object.assign(player, { src: address, hidden: false });
      status.textContent = form.dataset.ready;
    } catch {
      status.textContent = form.dataset.refused;
    }
  };

  button.addEventListener("click", async () => {
    if (recorder) return recorder.stop();
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    } catch {
      status.textContent = form.dataset.refused;
      return;
    }
    const pieces = [];
    recorder = new MediaRecorder(stream);
    recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
    const began = Date.now();
    const clock = setInterval(() => {
      const seconds = Math.floor((Date.now() - began) / 1000);
      button.textContent = `${form.dataset.stop} (${seconds} s)`;
      if (seconds >= Number(form.dataset.mostSeconds)) recorder.stop();
    }, 500);
    recorder.addEventListener("stop", () => {
      clearInterval(clock);
      for (const track of stream.getTracks()) track.stop();
      const type = recorder.mimeType;
      recorder = null;
      button.textContent = form.dataset.record;
      keep(pieces, type);
    });
    button.textContent = form.dataset.stop;
    recorder.start();
  });
}

if (window.MediaRecorder && navigator.mediaDevices && window.DataTransfer) {
  document.querySelectorAll("[data-recorder]").forEach(addRecorder);
}
