// A charge point on ocpp-rpc in strict mode: a whole charging session, then its findings as JSON.
// Usage: node client.js URL IDENTITY
const { RPCClient } = require("ocpp-rpc");

async function session(client) {
  const now = () => new Date().toISOString();
  const boot = await client.call("BootNotification", { chargePointVendor: "Vendor", chargePointModel: "Model" });
  await client.call("StatusNotification", { connectorId: 1, errorCode: "NoError", status: "Available", timestamp: now() });
  const authorize = await client.call("Authorize", { idTag: "TAG-1" });
  const start = await client.call("StartTransaction", { connectorId: 1, idTag: "TAG-1", meterStart: 1000, timestamp: now() });
  const meterValue = [{
    timestamp: now(),
    sampledValue: [
      { value: "1500", measurand: "Energy.Active.Import.Register", unit: "Wh", context: "Sample.Periodic" },
      { value: "7.4", measurand: "Power.Active.Import", unit: "kW", phase: "L1" },
    ],
  }];
  await client.call("MeterValues", { connectorId: 1, transactionId: start.transactionId, meterValue });
  const stop = await client.call("StopTransaction", {
    transactionId: start.transactionId, meterStop: 3000, timestamp: now(), reason: "EVDisconnected", idTag: "TAG-1",
    transactionData: meterValue,
  });
  const heartbeat = await client.call("Heartbeat", {});
  return {
    boot: boot.status, interval: boot.interval, authorize: authorize.idTagInfo.status, start: start.idTagInfo.status,
    transactionId: start.transactionId, stop: stop.idTagInfo.status, heartbeat: heartbeat.currentTime,
  };
}

async function main(endpoint, identity) {
  const complaints = [];
  const client = new RPCClient({ endpoint, identity, protocols: ["ocpp1.6"], strictMode: true, reconnect: false });
  client.on("strictValidationFailure", (event) => complaints.push(String(event.error)));
  client.on("badMessage", (event) => complaints.push(String(event.error)));
  await client.connect();
  const found = await session(client);
  await client.close();
  console.log(JSON.stringify({ ...found, complaints }));
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
