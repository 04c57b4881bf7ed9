/**
 * Energy and power in meter values, read as the server reads them (OCPP 1.6 §7.33, §7.43): what is left out means
 * imported active energy in Wh at the outlet; a reading of the whole is preferred to the sum of its phases.
 *
 * @typedef {{at: number, energyWh: number | null, powerW: number | null}} Reading
 */

const ENERGY = { measurand: "Energy.Active.Import.Register", factors: { Wh: 1, kWh: 1000 } };
const POWER = { measurand: "Power.Active.Import", factors: { W: 1, kW: 1000 } };
const PHASES = [["L1", "L2", "L3"], ["L1-N", "L2-N", "L3-N"]];
const EARLIEST = Date.UTC(2010);

/**
 * The readings of one stored message in the order of time; a clock that was never set counts as the time of receipt.
 *
 * @param {{receivedAt: string, meterValues: any[]}} record
 * @returns {Reading[]}
 */
export function readings({ receivedAt, meterValues }) {
  return meterValues.map(({ timestamp, sampledValue }) => {
    const taken = Date.parse(timestamp);
    const samples = Array.isArray(sampledValue) ? sampledValue : [];
    return {
      at: taken > EARLIEST ? taken : Date.parse(receivedAt),
      energyWh: reading(samples, ENERGY),
      powerW: reading(samples, POWER),
    };
  });
}

/** Sorted by time, one an instant. @param {Reading[]} all @returns {Reading[]} */
export function inOrder(all) {
  const byTime = new Map();
  for (const { at, energyWh, powerW } of all) {
    const old = byTime.get(at);
    byTime.set(at, { at, energyWh: energyWh ?? old?.energyWh ?? null, powerW: powerW ?? old?.powerW ?? null });
  }
  return [...byTime.values()].sort((a, b) => a.at - b.at);
}

function reading(samples, { measurand, factors }) {
  const phases = new Map();
  for (const sample of samples) {
    if ((sample.measurand ?? ENERGY.measurand) !== measurand) continue;
    if (sample.format === "SignedData" || !["Outlet", undefined].includes(sample.location)) continue;
    const value = Number.parseFloat(sample.value) * (sample.unit === undefined ? 1 : factors[sample.unit] ?? NaN);
    if (sample.phase !== undefined) phases.set(sample.phase, value);
    else if (Number.isFinite(value)) return value;
  }
  for (const names of PHASES) {
    const values = names.filter((name) => phases.has(name)).map((name) => phases.get(name));
    if (values.length > 0) return values.every(Number.isFinite) ? values.reduce((sum, value) => sum + value, 0) : null;
  }
  return null;
}
