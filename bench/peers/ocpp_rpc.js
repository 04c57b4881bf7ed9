// A central system on ocpp-rpc in strict mode, as its documentation shows it: nothing is stored.

const { RPCServer } = require("ocpp-rpc");

const now = () => new Date().toISOString();

async function main() {
    const server = new RPCServer({ protocols: ["ocpp1.6"], strictMode: true });
    server.auth((accept) => accept());
    server.on("client", (client) => {
        client.handle("BootNotification", () => ({ status: "Accepted", interval: 300, currentTime: now() }));
        client.handle("Heartbeat", () => ({ currentTime: now() }));
        client.handle("MeterValues", () => ({}));
    });
    const listening = await server.listen(0, "127.0.0.1");
    console.log(`ws://127.0.0.1:${listening.address().port}/ocpp/IDENTITY\nready`);
}

main();
