/** What the schemas of OCPP leave unsaid about a field. */

export const HINTS = {
  startPeriod: "Seconds after the start of the schedule.",
  limit: "In the charging rate unit.",
  duration: "Seconds.",
  retryInterval: "Seconds.",
  numberPhases: "3 where it is not given.",
  stackLevel: "Of the profiles that are valid, the highest level counts.",
  minChargingRate: "In the charging rate unit.",
  location: "Where the charge point gets or puts the file, such as ftp://host/folder.",
  remoteLocation: "Where the charge point puts the file, such as ftp://host/folder.",
  certificateChain: "PEM.",
  certificate: "PEM.",
  signingCertificate: "PEM.",
};
