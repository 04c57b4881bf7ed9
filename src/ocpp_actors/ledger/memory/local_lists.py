"""Local authorization lists, as the charge points have them."""

from attrs import evolve

from ocpp_actors.ledger import port
from ocpp_actors.ledger.local_list_entries import entries_of_version, updated_entries
from ocpp_actors.ledger.memory.dispatch import carry_out
from ocpp_actors.ledger.memory.facts import Facts, stored


@carry_out.register
def _record(request: port.RecordLocalList, facts: Facts) -> None:
    known = facts.local_lists.get(request.identity.casefold())
    entries = updated_entries(known.entries if known else None, request)
    _put(port.LocalList(request.identity, request.version, stored(entries), request.at), facts)


@carry_out.register
def _record_version(request: port.RecordLocalListVersion, facts: Facts) -> None:
    known = facts.local_lists.get(request.identity.casefold())
    if known is None or known.version != request.version:
        entries = entries_of_version(request.version)
        _put(port.LocalList(request.identity, request.version, entries, request.at), facts)


def _put(local_list: port.LocalList, facts: Facts) -> None:
    if local_list.identity.casefold() in facts.charge_points:
        facts.local_lists[local_list.identity.casefold()] = local_list


@carry_out.register
def _find(request: port.FindLocalList, facts: Facts) -> port.LocalList | None:
    known = facts.local_lists.get(request.identity.casefold())
    return None if known is None else evolve(known, entries=stored(known.entries))
