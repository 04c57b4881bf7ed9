import pytest
from attrs import evolve
from tests.ledger.facts import NOON

from ocpp_actors.ledger.port import (
    FindIdTag,
    IdTag,
    Ledger,
    ListIdTags,
    PutIdTag,
    RemoveIdTag,
    VersionConflict,
)
from ocpp_actors.protocol.messages import AuthorizationStatus

TAG = IdTag("DEADbeef", AuthorizationStatus.ACCEPTED, NOON, "PARENT", 2)


async def test_an_id_tag_is_found_without_regard_to_case(ledger: Ledger) -> None:
    assert await ledger.ask(FindIdTag("deadbeef")) is None
    await ledger.ask(PutIdTag(TAG))
    assert await ledger.ask(FindIdTag("deadBEEF")) == TAG


async def test_putting_an_id_tag_again_replaces_all_of_it(ledger: Ledger) -> None:
    await ledger.ask(PutIdTag(TAG))
    blocked = await ledger.ask(PutIdTag(IdTag("deadbeef", AuthorizationStatus.BLOCKED)))
    assert blocked == IdTag("deadbeef", AuthorizationStatus.BLOCKED, version=2)
    assert await ledger.ask(FindIdTag("DEADBEEF")) == blocked
    assert await ledger.ask(ListIdTags()) == [blocked]


async def test_removing_an_id_tag_tells_whether_it_was_known(ledger: Ledger) -> None:
    await ledger.ask(PutIdTag(TAG))
    assert await ledger.ask(RemoveIdTag("DEADBEEF")) is True
    assert await ledger.ask(RemoveIdTag("DEADBEEF")) is False
    assert await ledger.ask(FindIdTag("DEADBEEF")) is None


async def test_id_tags_are_listed_in_casefolded_order(ledger: Ledger) -> None:
    tags = [IdTag(name, AuthorizationStatus.ACCEPTED) for name in ("a-2", "A-1", "B", "a_0")]
    for tag in reversed(tags):
        await ledger.ask(PutIdTag(tag))
    listed = await ledger.ask(ListIdTags())
    assert [tag.id_tag for tag in listed] == ["A-1", "a-2", "a_0", "B"]
    assert await ledger.ask(ListIdTags(after="A-2", limit=1)) == [tags[3]]


async def test_an_id_tag_has_a_version_that_counts_its_changes(ledger: Ledger) -> None:
    assert await ledger.ask(PutIdTag(evolve(TAG, version=7))) == evolve(TAG, version=1)
    assert await ledger.ask(PutIdTag(TAG)) == evolve(TAG, version=2)
    assert await ledger.ask(PutIdTag(TAG, expected_version=2)) == evolve(TAG, version=3)
    assert await ledger.ask(FindIdTag("DEADBEEF")) == evolve(TAG, version=3)


async def test_an_id_tag_of_another_version_is_neither_changed_nor_removed(ledger: Ledger) -> None:
    with pytest.raises(VersionConflict, match="does not exist") as missing:
        await ledger.ask(PutIdTag(TAG, expected_version=1))
    with pytest.raises(VersionConflict):
        await ledger.ask(RemoveIdTag("DEADbeef", expected_version=1))
    await ledger.ask(PutIdTag(TAG, expected_version=0))
    await ledger.ask(PutIdTag(TAG))
    with pytest.raises(VersionConflict, match="version 2") as exists:
        await ledger.ask(PutIdTag(IdTag("DEADBEEF", AuthorizationStatus.BLOCKED), expected_version=0))
    with pytest.raises(VersionConflict) as changed:
        await ledger.ask(RemoveIdTag("deadbeef", expected_version=1))
    assert [conflict.value.version for conflict in (missing, exists, changed)] == [0, 2, 2]
    assert await ledger.ask(ListIdTags()) == [evolve(TAG, version=2)]
    assert await ledger.ask(RemoveIdTag("deadbeef", expected_version=2)) is True


async def test_id_tags_are_searched_with_their_parents(ledger: Ledger) -> None:
    parents = {"A%1": None, "a_2": "Fleet", "B": "a%", "Straße": None}
    for name, parent in parents.items():
        await ledger.ask(PutIdTag(IdTag(name, AuthorizationStatus.ACCEPTED, parent_id_tag=parent)))

    async def found(search: str, **page: str) -> list[str]:
        return [tag.id_tag for tag in await ledger.ask(ListIdTags(search=search, **page))]  # type: ignore[arg-type]

    assert await found("%") == ["A%1", "B"]
    assert await found("%", after="a%1") == ["B"]
    assert await found("_") == ["a_2"]
    assert await found("fleet") == ["a_2"]
    assert await found("STRASSE") == ["Straße"]
    assert await found("/") == []
    await ledger.ask(PutIdTag(IdTag("a_2", AuthorizationStatus.ACCEPTED)))
    assert await found("fleet") == []
