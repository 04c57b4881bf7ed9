"""Configuration keys of charge points, as they were last seen."""

from attrs import evolve

from ocpp_actors.ledger import port
from ocpp_actors.ledger.memory.dispatch import carry_out
from ocpp_actors.ledger.memory.facts import Facts


@carry_out.register
def _record(request: port.RecordConfiguration, facts: Facts) -> None:
    charge_point = request.identity.casefold()
    if charge_point not in facts.charge_points:
        return
    known = facts.configuration.setdefault(charge_point, {})
    told = {key.key.casefold() for key in request.keys}
    gone = {key.casefold() for key in request.unknown_keys} | (
        known.keys() - told if request.complete else set()
    )
    for folded in gone:
        known.pop(folded, None)
    for key in request.keys:
        before = known.get(key.key.casefold())
        readonly = before.readonly if before and key.readonly is None else key.readonly
        known[key.key.casefold()] = evolve(key, readonly=readonly)


@carry_out.register
def _list(request: port.ListConfiguration, facts: Facts) -> list[port.ConfigurationKey]:
    known = facts.configuration.get(request.identity.casefold(), {})
    return [known[folded] for folded in sorted(known)]
