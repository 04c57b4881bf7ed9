/** Charging profiles that are kept under a name. */

import { number } from "../format.js";
import { listPage } from "../list_page.js";
import { hash } from "../router.js";
import { buttonLink, empty, link } from "../ui.js";

/** @param {import("../page_context.js").Context} context */
export function chargingProfiles(context) {
  return listPage(context, {
    head: {
      title: "Charging profiles",
      lead: "Kept under a name, to be sent to charge points.",
      actions: buttonLink("Add a profile", hash(["new-charging-profile"]), { kind: "primary", icon: "plus" }),
    },
    where: "charging-profiles",
    key: (item) => item.name,
    noun: "profile",
    empty: () => empty("There are no charging profiles yet."),
    columns: [
      { label: "Name", head: true, sort: "ascending", cell: (item) => link(item.name, ["charging-profiles", item.name]) },
      ...profileColumns((item) => item.profile),
    ],
  });
}

/** What a profile limits. @param {(item: any) => any} profile */
export function profileColumns(profile) {
  return [
    { label: "Purpose", cell: (item) => profile(item).chargingProfilePurpose },
    { label: "Kind", cell: (item) => [profile(item).chargingProfileKind, profile(item).recurrencyKind].filter(Boolean).join(", ") },
    { label: "Stack level", class: "number", cell: (item) => String(profile(item).stackLevel) },
    { label: "Limits", class: "wide", cell: (item) => limits(profile(item).chargingSchedule) },
  ];
}

function limits({ chargingRateUnit, chargingSchedulePeriod: periods }) {
  const texts = periods.slice(0, 4).map(({ startPeriod, limit }) => `${number(limit, 1)} ${chargingRateUnit} from ${clock(startPeriod)}`);
  return texts.join(", ") + (periods.length > 4 ? `, and ${periods.length - 4} more` : "");
}

function clock(seconds) {
  const minutes = Math.floor(Math.abs(seconds) / 60);
  return `${seconds < 0 ? "-" : ""}${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
}
