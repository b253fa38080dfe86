// Speech in place of keys, where the browser can recognize it.

export function listenTo(button, language, heard) {
  const Recognition = window.SpeechRecognition || window.webkitSpeechRecognition;
  if (!Recognition) return;
  button.hidden = false;
  let listening = null;
  const stop = () => {
    listening = null;
    button.setAttribute("aria-pressed", "false");
  };
  button.addEventListener("click", () => {
    if (listening) return listening.stop();
    listening = new Recognition();
    listening.lang = language() || "en-US";
    listening.onresult = (event) => heard(event.results[0][0].transcript);
    listening.onend = stop;
    listening.onerror = stop;
    button.setAttribute("aria-pressed", "true");
    return listening.start();
  });
}
