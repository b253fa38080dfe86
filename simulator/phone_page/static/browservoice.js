// The browser's own voices, for a computer without the local voice. Only those that speak on this computer: the others
// send the words to their maker.

export function browserVoice(language) {
  const wanted = (language || "en-US").toLowerCase();
  const [tongue] = wanted.split("-");
  const voices = (window.speechSynthesis?.getVoices() ?? []).filter((voice) => voice.localService);
  const tag = (voice) => voice.lang.toLowerCase().replace("_", "-");
  return voices.find((voice) => tag(voice) === wanted) ?? voices.find((voice) => tag(voice).split("-")[0] === tongue) ?? null;
}

const NAMES = new Intl.DisplayNames(["en"], { type: "language" });

// What the page says about the voices of this computer; "" if the local voice speaks all that was said.
export function voiceNotice(said, hasLocalVoice) {
  const others = new Set(said.filter((each) => !each.sound).map((each) => each.language || "en-US"));
  if (!said.length && !hasLocalVoice) others.add("en-US");
  const mute = [...others].filter((language) => !browserVoice(language)).map((language) => NAMES.of(language));
  if (mute.length) return `There is no voice for ${mute.join(" and ")} on this computer, so you read the words.`;
  return others.size ? "This computer lacks the line’s local voice, so your browser speaks with its own." : "";
}
