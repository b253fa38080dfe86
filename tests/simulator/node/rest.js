// Uses each kind of resource once; prints what the test compares, as JSON.
const { accountSid, client, codeOf, jane, line, service, until } = require("./client.js");

const { API_KEY, API_SECRET, LINE_URL } = process.env;
const twiml = "<Response><Say>Hello</Say></Response>";

async function messages(api) {
  const sent = await api.messages.create({ to: jane, from: line, body: "A secret" });
  await until(async () => (await api.messages(sent.sid).fetch()).status === "delivered");
  const redacted = await api.messages(sent.sid).update({ body: "" });
  await api.messages(sent.sid).remove();
  const sendAt = new Date(Date.now() + 6 * 60 * 1000);
  const later = await api.messages.create({
    to: jane, messagingServiceSid: service, body: "Later", scheduleType: "fixed", sendAt,
  });
  const canceled = await api.messages(later.sid).update({ status: "canceled" });
  const picture = await api.messages.create({ to: jane, from: line, mediaUrl: [LINE_URL + "/cat.png"] });
  const media = await api.messages(picture.sid).media.list();
  return {
    redacted: redacted.body,
    deleted: await codeOf(api.messages(sent.sid).fetch()),
    scheduled: later.status,
    canceled: canceled.status,
    media: media.map((each) => each.contentType),
    noNumber: await codeOf(api.messages.create({ to: "nobody", from: line, body: "x" })),
    content: await codeOf(api.messages.create({ to: jane, from: line, contentSid: "HX" + "1".repeat(32) })),
  };
}

async function calls(api) {
  const created = await api.calls.create({ to: jane, from: line, url: LINE_URL + "/menu", sendDigits: "ww1" });
  await until(async () => (await api.calls(created.sid).fetch()).status === "ringing");
  await fetch(`${process.env.SIMULATOR_URL}/simulator/calls/${created.sid}/heard`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ answer: true }),
  });
  await api.calls(created.sid).update({ url: LINE_URL + "/other", method: "GET" });
  await until(async () => (await (await fetch(LINE_URL + "/seen")).text()).includes("other"));
  await api.calls(created.sid).update({ twiml });
  await until(async () => (await api.calls(created.sid).fetch()).status === "completed");
  return { noNumber: await codeOf(api.calls.create({ to: "nobody", from: line, twiml })) };
}

async function numbers(api) {
  const [number] = await api.incomingPhoneNumbers.list({ phoneNumber: line });
  const changed = await api.incomingPhoneNumbers(number.sid).update({ smsUrl: LINE_URL + "/in", smsMethod: "GET" });
  return { smsUrl: changed.smsUrl, smsMethod: changed.smsMethod };
}

async function main() {
  const api = client();
  const services = await api.messaging.v1.services.list();
  const result = {
    messages: await messages(api),
    calls: await calls(api),
    numbers: await numbers(api),
    account: (await api.api.v2010.accounts(accountSid).fetch()).status,
    currency: (await client(API_KEY, API_SECRET).balance.fetch()).currency,
    wrongKey: await codeOf(client(API_KEY, "wrong").balance.fetch()),
    services: services.map((each) => each.sid),
    otherProduct: await codeOf(api.lookups.v2.phoneNumbers(jane).fetch()),
    otherServices: await codeOf(api.conversations.v1.services.list()),
    alerts: (await api.monitor.v1.alerts.list()).map((alert) => alert.errorCode),
  };
  console.log(JSON.stringify(result));
}

main();
