from tests.ledger.facts import NOON

from ocpp_actors.ledger.port import FindIdTag, IdTag, Ledger, ListIdTags, PutIdTag, RemoveIdTag
from ocpp_actors.protocol.messages import AuthorizationStatus

TAG = IdTag("DEADbeef", AuthorizationStatus.ACCEPTED, NOON, "PARENT", 2)


async def test_an_id_tag_is_found_without_regard_to_case(ledger: Ledger) -> None:
    assert await ledger.ask(FindIdTag("deadbeef")) is None
    await ledger.ask(PutIdTag(TAG))
    assert await ledger.ask(FindIdTag("deadBEEF")) == TAG


async def test_putting_an_id_tag_again_replaces_all_of_it(ledger: Ledger) -> None:
    await ledger.ask(PutIdTag(TAG))
    blocked = IdTag("deadbeef", AuthorizationStatus.BLOCKED)
    await ledger.ask(PutIdTag(blocked))
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
