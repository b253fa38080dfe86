// A client of the official library that talks to the simulator at SIMULATOR_URL, as docs/simulator.md shows.
const twilio = require("twilio");

const simulator = process.env.SIMULATOR_URL;

class SimulatorClient extends twilio.RequestClient {
  request(options) {
    const uri = options.uri.replace(/^https:\/\/([a-z-]+)[a-z0-9.-]*\.twilio\.com/, simulator + "/$1");
    return super.request({ ...options, uri });
  }
}

const accountSid = "AC" + "1".repeat(32);

module.exports = {
  accountSid,
  line: "+16035550100",
  jane: "+16035550123",
  service: "MG" + "2".repeat(32),
  client: (user = accountSid, secret = "a-token") =>
    twilio(user, secret, { accountSid, httpClient: new SimulatorClient() }),
  // The code of the error that a request ends with.
  codeOf: async (request) => {
    try {
      await request;
    } catch (error) {
      return error.code;
    }
    return null;
  },
  until: async (condition) => {
    for (let attempt = 0; attempt < 500; attempt++) {
      if (await condition()) return true;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error("the condition was not met");
  },
};
