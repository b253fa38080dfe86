// A file that is too large is refused before it is sent, and one that is sent says how far it is.
"use strict";

for (const input of document.querySelectorAll("[data-most-bytes]")) {
  input.addEventListener("change", () => {
    const file = input.files[0];
    input.setCustomValidity(file && file.size > Number(input.dataset.mostBytes) ? input.dataset.tooLarge : "");
    input.reportValidity();
  });
}

for (const block of document.querySelectorAll("[data-transfer]")) {
  const form = block.closest("form");
  const [bar, note] = [block.querySelector("progress"), block.querySelector("[role=status]")];
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return;
    event.preventDefault();
    form.dataset.sent = "1";
    block.hidden = false;
    const request = new XMLHttpRequest();
    // The browser sends the form itself where that fails, so that its answer is a page as without scripts.
    const sendAgain = () => form.submit();
    request.upload.addEventListener("progress", (sent) => {
      if (!sent.lengthComputable) return;
      const share = Math.floor((100 * sent.loaded) / sent.total);
      bar.value = share;
      // Not at every step, because each is read out.
      if (share % 10 === 0) note.textContent = form.dataset.sentWords.replace("{share}", share);
    });
    request.addEventListener("load", () => (request.status < 400 ? location.assign(request.responseURL) : sendAgain()));
    request.addEventListener("error", sendAgain);
    request.open("POST", form.action);
    request.send(new FormData(form));
  });
  window.addEventListener("pageshow", () => {
    block.hidden = true;
    bar.value = 0;
    note.textContent = "";
  });
}
