// An app as the quickstarts for Node.js have it: a menu, a recording, a counting conversation. Refuses unsigned requests.
const http = require("http");
const { URLSearchParams } = require("url");
const twilio = require("twilio");

const { MessagingResponse, VoiceResponse } = twilio.twiml;

const answers = {
  "/voice"() {
    const answer = new VoiceResponse();
    const gather = answer.gather({ numDigits: 1, action: "/menu", method: "POST" });
    gather.say({ voice: "Polly.Joanna" }, "For sales, press 1. To leave a message, press 2.");
    answer.redirect("/voice");
    return answer;
  },
  "/menu"(form) {
    const answer = new VoiceResponse();
    if (form.Digits === "1") {
      answer.dial({ action: "/done", timeout: 20, answerOnBridge: true }).number("+16035550131");
    } else if (form.Digits === "2") {
      answer.say("Leave a message.");
      answer.record({ action: "/done", maxLength: 30, playBeep: true });
    } else {
      answer.redirect({ method: "POST" }, "/voice");
    }
    return answer;
  },
  "/done"(form) {
    const answer = new VoiceResponse();
    answer.say(`Thank you: ${form.DialCallStatus || form.RecordingDuration}.`);
    answer.hangup();
    return answer;
  },
  "/sms"(form, request, response) {
    const count = Number((request.headers.cookie || "").split("count=")[1] || 0) + 1;
    response.setHeader("Set-Cookie", `count=${count}; Path=/`);
    const answer = new MessagingResponse();
    answer.message({ action: "/sent", method: "POST" }, `Message ${count}: ${form.Body}`);
    return answer;
  },
  "/sent"(form) {
    const answer = new MessagingResponse();
    answer.message(`It is ${form.MessageStatus}.`);
    return answer;
  },
};

const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => {
    const form = Object.fromEntries(new URLSearchParams(body));
    const url = `http://${request.headers.host}${request.url}`;
    if (!twilio.validateRequest("a-token", request.headers["x-twilio-signature"], url, form)) {
      response.writeHead(403).end();
      return;
    }
    const answer = answers[request.url](form, request, response);
    response.writeHead(200, { "Content-Type": "text/xml" }).end(answer.toString());
  });
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
