"""Known idTags."""

from attrs import evolve

from ocpp_actors.ledger import port
from ocpp_actors.ledger.memory.dispatch import carry_out
from ocpp_actors.ledger.memory.facts import Facts, after, check_version
from ocpp_actors.ledger.searching import id_tag_text


@carry_out.register
def _find(request: port.FindIdTag, facts: Facts) -> port.IdTag | None:
    return facts.id_tags.get(request.id_tag.casefold())


@carry_out.register
def _put(request: port.PutIdTag, facts: Facts) -> port.IdTag:
    key = request.id_tag.id_tag.casefold()
    version = check_version(facts.id_tags.get(key), request.expected_version)
    facts.id_tags[key] = evolve(request.id_tag, version=version + 1)
    return facts.id_tags[key]


@carry_out.register
def _remove(request: port.RemoveIdTag, facts: Facts) -> bool:
    key = request.id_tag.casefold()
    check_version(facts.id_tags.get(key), request.expected_version)
    return facts.id_tags.pop(key, None) is not None


@carry_out.register
def _list(request: port.ListIdTags, facts: Facts) -> list[port.IdTag]:
    search = (request.search or "").casefold()
    return after(
        facts.id_tags,
        request.after.casefold(),
        request.limit,
        lambda tag: search in id_tag_text(tag.id_tag, tag.parent_id_tag),
    )
