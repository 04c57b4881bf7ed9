"""Central systems broken on purpose, each in one way, and the scenario that finds it."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from attrs import evolve
from tests.testbench.mutant import (
    CALL_ERROR,
    Mutant,
    a_next_key_only,
    always,
    answers_to,
    any_subprotocol,
    before_credentials,
    calls_of,
    credentials_with,
    errors,
    half_of,
    instead_of,
    is_credentials,
    need_nothing,
    of_another_key,
    seem_secure,
    shifted,
    swapped,
    under_another_name,
    with_parts,
    yes,
)

from ocpp_actors.ledger import port
from ocpp_actors.protocol import messages as m
from ocpp_actors.server.admission import subprotocol_step

MUTANTS: Final = (
    # --- frames ---
    Mutant(
        name="answer-dropped",
        what="A StopTransaction is not answered.",
        found_by="plug-in-first-then-present-a-card",
        frame=answers_to("StopTransaction", lambda _frame: []),
    ),
    Mutant(
        name="wrong-id",
        what="Answers carry another message id.",
        found_by="boot-is-accepted",
        frame=answers_to(None, lambda frame: [[frame[0], "x", frame[2]]]),
    ),
    Mutant(
        name="slow-answer",
        what="An Authorize is answered after 20 seconds.",
        found_by="plug-in-first-then-present-a-card",
        frame=answers_to("Authorize", lambda _frame: 20.0),
    ),
    Mutant(
        name="error-instead-of-answer",
        what="A StopTransaction is answered with a CALLERROR.",
        found_by="plug-in-first-then-present-a-card",
        frame=answers_to("StopTransaction", lambda frame: [[CALL_ERROR, frame[1], "GenericError", "", {}]]),
    ),
    Mutant(
        name="time-without-zone",
        what="The time is sent without Z.",
        found_by="boot-is-accepted",
        frame=answers_to(
            "BootNotification",
            lambda frame: [[*frame[:2], {**frame[2], "currentTime": frame[2]["currentTime"].rstrip("Z")}]],
        ),
    ),
    Mutant(
        name="time-of-another-day",
        what="The time is a day late.",
        found_by="boot-is-accepted",
        answers={
            "BootNotification": lambda response: evolve(
                response, current_time=response.current_time - timedelta(days=1)
            )
        },
    ),
    Mutant(
        name="interval-of-zero",
        what="The interval of a BootNotification is 0.",
        found_by="boot-is-accepted",
        answers={"BootNotification": with_parts(interval=0)},
    ),
    Mutant(
        name="unknown-property",
        what="An answer has a property that its schema does not know.",
        found_by="plug-in-first-then-present-a-card",
        frame=answers_to("Authorize", lambda frame: [[*frame[:2], {**frame[2], "note": "hello"}]]),
    ),
    Mutant(
        name="status-in-small-letters",
        what="The status of an idTag is written in small letters.",
        found_by="plug-in-first-then-present-a-card",
        frame=answers_to("Authorize", lambda frame: [[*frame[:2], {"idTagInfo": {"status": "accepted"}}]]),
    ),
    Mutant(
        name="transaction-without-id-tag-info",
        what="The answer to a StartTransaction has no idTagInfo.",
        found_by="plug-in-first-then-present-a-card",
        frame=answers_to(
            "StartTransaction", lambda frame: [[*frame[:2], {"transactionId": frame[2]["transactionId"]}]]
        ),
    ),
    Mutant(
        name="other-card-in-a-remote-start",
        what="A RemoteStartTransaction is sent with another idTag than the operator gave.",
        found_by="remote-start-with-the-cable-plugged-in",
        frame=calls_of("RemoteStartTransaction", lambda payload: {**payload, "idTag": "SOMEBODY"}),
    ),
    Mutant(
        name="other-transaction-in-a-remote-stop",
        what="A RemoteStopTransaction is sent for another transaction.",
        found_by="remote-stop-of-a-charging-session",
        frame=calls_of(
            "RemoteStopTransaction", lambda payload: {"transactionId": payload["transactionId"] + 1}
        ),
    ),
    Mutant(
        name="soft-reset-for-a-hard-one",
        what="A hard Reset is sent as a soft one.",
        found_by="hard-reset",
        frame=calls_of("Reset", lambda _payload: {"type": "Soft"}),
    ),
    Mutant(
        name="other-limit",
        what="A charging profile is sent with half its limits.",
        found_by="default-profile-for-transactions",
        frame=calls_of("SetChargingProfile", half_of),
    ),
    Mutant(
        name="trigger-for-another-connector",
        what="A TriggerMessage is sent without its connector.",
        found_by="trigger-messages",
        frame=calls_of("TriggerMessage", lambda payload: {"requestedMessage": payload["requestedMessage"]}),
    ),
    # --- who is let in ---
    Mutant(
        name="any-subprotocol",
        what="Whatever subprotocol is offered is taken.",
        found_by="websocket-subprotocol-negotiation",
        steps=lambda steps: [any_subprotocol if step is subprotocol_step else step for step in steps],
    ),
    Mutant(
        name="no-credentials",
        what="The key of a charge point is not asked for.",
        found_by="basic-authentication-with-valid-credentials",
        steps=lambda steps: [step for step in steps if not is_credentials(step)],
    ),
    Mutant(
        name="any-key",
        what="Whatever key a charge point names is right.",
        found_by="basic-authentication-with-valid-credentials",
        steps=credentials_with(_is_right=yes),
    ),
    Mutant(
        name="old-key-stays",
        what="After a new AuthorizationKey was accepted, the old one is right, too.",
        found_by="update-the-password",
        asked={port.SetKey: a_next_key_only},
    ),
    Mutant(
        name="any-certificate",
        what="The valid certificate of another charge point is as good as its own.",
        found_by="tls-with-a-valid-client-certificate",
        steps=credentials_with(_is_owner=yes),
    ),
    Mutant(
        name="lower-profile",
        what="A charge point may connect with a lower security profile than it needs.",
        found_by="upgrade-the-security-profile",
        steps=before_credentials(need_nothing),
    ),
    Mutant(
        name="tls-not-needed",
        what="A charge point that needs security profile 2 is let in without TLS.",
        found_by="lower-security-profile-is-refused",
        steps=before_credentials(seem_secure),
    ),
    Mutant(
        name="certificate-of-another-key",
        what="The certificate that a charge point gets is not of the key of its request.",
        found_by="sign-a-certificate-of-ecdsa",
        frame=calls_of("CertificateSigned", of_another_key),
    ),
    # --- decisions ---
    Mutant(
        name="never-accepted",
        what="A BootNotification is answered with Pending for ever.",
        found_by="boot-is-accepted",
        answers={"BootNotification": with_parts(status=m.RegistrationStatus.PENDING)},
    ),
    Mutant(
        name="blocked-card-accepted",
        what="Every card is Accepted.",
        found_by="blocked-card-is-turned-away",
        answers=always(m.AuthorizationStatus.ACCEPTED),
    ),
    Mutant(
        name="expired-card-blocked",
        what="A card that has expired is Invalid.",
        found_by="expired-card-is-turned-away",
        answers=always(m.AuthorizationStatus.INVALID),
    ),
    Mutant(
        name="group-forgotten",
        what="The parentIdTag of a card is left out.",
        found_by="reserved-connector-is-used-by-another-card-of-its-group",
        answers={
            "Authorize": lambda response: evolve(
                response, id_tag_info=m.IdTagInfo(status=response.id_tag_info.status)
            )
        },
    ),
    Mutant(
        name="one-transaction-id-for-all",
        what="Every transaction gets the id 1.",
        found_by="transactions-have-ids-of-their-own",
        answers={"StartTransaction": with_parts(transaction_id=1)},
    ),
    Mutant(
        name="transaction-id-of-zero",
        what="Transactions get the id 0.",
        found_by="plug-in-first-then-present-a-card",
        answers={"StartTransaction": with_parts(transaction_id=0)},
    ),
    Mutant(
        name="every-vendor-known",
        what="A DataTransfer of an unknown vendor is Accepted.",
        found_by="data-transfer-to-central-system",
        answers={"DataTransfer": with_parts(status=m.DataTransferStatus.ACCEPTED)},
    ),
    # --- what is kept ---
    Mutant(
        name="stop-lost",
        what="A StopTransaction is confirmed and not kept.",
        found_by="plug-in-first-then-present-a-card",
        asked={port.RecordStop: instead_of(port.Stopped(port.StopMatch.BY_ID, 1, repeated=False))},
    ),
    Mutant(
        name="other-meter-reading",
        what="The meter reading of a stop is kept with one digit lost.",
        found_by="offline-transaction",
        asked={port.RecordStop: lambda request: evolve(request, meter_stop=request.meter_stop // 10)},
    ),
    Mutant(
        name="time-of-receipt",
        what="A transaction is kept with the time of its receipt instead of its own.",
        found_by="offline-transaction",
        asked={port.RecordStart: lambda request: evolve(request, timestamp=request.received_at)},
    ),
    Mutant(
        name="reason-lost",
        what="The reason of a stop is kept as Local.",
        found_by="power-fails-and-transactions-are-stopped",
        asked={port.RecordStop: with_parts(reason="Local")},
    ),
    Mutant(
        name="reservation-not-used",
        what="A reservation stays when its transaction begins.",
        found_by="reserved-connector-is-used",
        asked={port.RecordStart: with_parts(reservation_id=None)},
    ),
    Mutant(
        name="reservation-for-ever",
        what="Reservations do not expire.",
        found_by="reservation-expires",
        asked={port.ExpireReservations: instead_of([])},
    ),
    Mutant(
        name="cancelled-reservation-kept",
        what="A cancelled reservation is kept as it was.",
        found_by="reservation-is-cancelled",
        asked={port.SetReservationState: instead_of(None)},
    ),
    Mutant(
        name="security-event-lost",
        what="A SecurityEventNotification is confirmed and not kept.",
        found_by="invalid-central-system-certificate",
        asked={port.RecordSecurityEvent: instead_of(None)},
    ),
    Mutant(
        name="progress-lost",
        what="How firmware updates and uploads get on is not kept.",
        found_by="firmware-is-downloaded-and-installed",
        handlers={
            m.FirmwareStatusNotification: lambda _request, _context: m.FirmwareStatusNotificationResponse()
        },
    ),
    Mutant(
        name="configuration-not-kept",
        what="Configuration keys are read and not kept.",
        found_by="retrieve-all-configuration-keys",
        asked={port.RecordConfiguration: instead_of(None)},
    ),
    Mutant(
        name="local-list-not-kept",
        what="What was sent in a local list is not kept, so that its next version is the same.",
        found_by="send-a-differential-local-list",
        asked={port.RecordLocalList: instead_of(None)},
    ),
    Mutant(
        name="profile-not-kept",
        what="A charging profile that was accepted is not kept.",
        found_by="default-profile-for-transactions",
        asked={port.RecordInstalledProfile: instead_of(None)},
    ),
    Mutant(
        name="key-not-changed",
        what="A new AuthorizationKey that was accepted does not replace the old one.",
        found_by="update-the-password",
        asked={port.SetKey: instead_of(None)},
    ),
    Mutant(
        name="meter-values-lost",
        what="MeterValues are confirmed and not kept.",
        found_by="meter-values-at-any-time",
        asked={port.RecordMeterValues: instead_of(port.MeterValuesKept(repeated=False, linked=True))},
    ),
    Mutant(
        name="repeated-start-counts-twice",
        what="A StartTransaction that is sent again becomes a transaction of its own.",
        found_by="start-is-repeated",
        asked={port.RecordStart: shifted},
    ),
    Mutant(
        name="unknown-is-unsupported",
        what="NotImplemented and NotSupported are mistaken for each other.",
        found_by="action-is-unknown",
        frame=errors(swapped("NotImplemented", "NotSupported")),
    ),
    Mutant(
        name="error-code-spelled-right",
        what="OccurenceConstraintViolation is written with two r, which is another word.",
        found_by="required-field-is-missing",
        frame=errors(swapped("OccurenceConstraintViolation", "OccurrenceConstraintViolation")),
    ),
    Mutant(
        name="one-error-code-for-all",
        what="Every CALLERROR is a GenericError.",
        found_by="value-has-the-wrong-type",
        frame=errors(lambda _code: "GenericError"),
    ),
    Mutant(
        name="answer-twice",
        what="Heartbeats are answered twice.",
        found_by="heartbeat-tells-the-time",
        frame=answers_to("Heartbeat", lambda frame: [frame, frame]),
    ),
    Mutant(
        name="older-connection-stays",
        what="A newer connection of a charge point does not end the older one.",
        found_by="newer-connection-wins",
        steps=lambda steps: [*steps, under_another_name],
    ),
)


PAGE: Final = Path(__file__).parents[2] / "docs" / "mutants.md"


def as_table() -> str:
    """Return the mutants as a table in Markdown."""
    rows = [f"| `{each.name}` | {each.what} | `{each.found_by}` |" for each in MUTANTS]
    return "\n".join(["| mutant | the central system is broken so | found by |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    words = PAGE.read_text().partition("| mutant |")[0]
    PAGE.write_text(words + as_table())
