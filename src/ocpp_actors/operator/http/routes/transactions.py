"""Transactions and their meter values, as pages and as CSV."""

from collections.abc import Sequence
from typing import Any, Final

from ocpp_actors.ledger.port import (
    FindTransaction,
    ListMeterValues,
    ListTransactions,
    MeterValuesRecord,
    Transaction,
)
from ocpp_actors.operator.http import examples
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.export import AT_ONCE, CSV, csv_of, pages_of, preferred
from ocpp_actors.operator.http.models import (
    MeterValuesModel,
    PageQuery,
    TransactionModel,
    TransactionsQuery,
    meter_values_model,
    transaction_model,
)
from ocpp_actors.operator.http.operations import (
    JSON,
    Answer,
    Asked,
    Content,
    Nothing,
    Operation,
    Reply,
    Streamed,
    operation,
)
from ocpp_actors.operator.http.paging import Page, json_answer, number_in, page_of
from ocpp_actors.operator.http.routes.common import not_found

TAG: Final = "Transactions"

_CSV: Final = Content({"type": "string"}, "id,chargePoint,…\r\n7,CP-0042,…\r\n", CSV)


def _disposition(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.csv"'}


@operation(
    "GET",
    "/transactions",
    summary="List or export transactions",
    tag=TAG,
    query=TransactionsQuery,
    replies=[
        Reply(
            200,
            "Transactions, newest first.",
            (
                Content(Page(TransactionModel), {"items": [examples.TRANSACTION], "nextCursor": None}),
                _CSV,
            ),
        )
    ],
)
async def list_transactions(desk: Desk, asked: Asked[TransactionsQuery, Nothing]) -> Answer | Streamed:
    """With `Accept: text/csv` all that match come, whatever `limit` says."""
    query = asked.query
    before = number_in(query.cursor)

    async def fetch(limit: int, before: int | None) -> list[Transaction]:
        return await desk.ask(
            ListTransactions(
                identity=query.charge_point,
                id_tag=query.id_tag,
                active=query.active,
                limit=limit,
                before=before,
            )
        )

    async def next_page(last: Transaction) -> Sequence[Transaction]:
        return await fetch(AT_ONCE, last.transaction_id)

    def show(record: Transaction) -> TransactionModel:
        return transaction_model(record, desk.live.power_of_transaction(record.transaction_id))

    if preferred(asked.headers.get("accept", ""), (JSON, CSV)) == CSV:
        rows = csv_of(TransactionModel, pages_of(await fetch(AT_ONCE, before), next_page), show)
        return Streamed(rows, f"{CSV}; charset=utf-8", _disposition("transactions"))
    return await page_of(
        await fetch(query.limit + 1, before), query.limit, show, lambda record: record.transaction_id
    )


@operation(
    "GET",
    "/transactions/{id}",
    summary="Look at a transaction",
    tag=TAG,
    replies=[Reply(200, "The transaction.", (Content(TransactionModel, examples.TRANSACTION),))],
    problems=(p.NOT_FOUND,),
)
async def get_transaction(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """What is known of it, and its power while it runs."""
    record = await _known(desk, asked.path["id"])
    return json_answer(transaction_model(record, desk.live.power_of_transaction(record.transaction_id)))


@operation(
    "GET",
    "/transactions/{id}/meter-values",
    summary="List or export the meter values of a transaction",
    tag=TAG,
    query=PageQuery,
    replies=[
        Reply(
            200,
            "Meter values in the order of their receipt.",
            (
                Content(Page(MeterValuesModel), {"items": [examples.METER_VALUES], "nextCursor": None}),
                Content({"type": "string"}, "receivedAt,connectorId,…\r\n", CSV),
            ),
        )
    ],
    problems=(p.NOT_FOUND,),
)
async def list_meter_values(desk: Desk, asked: Asked[PageQuery, Nothing]) -> Answer | Streamed:
    """As they were sent, with what was derived. With `Accept: text/csv` all come, whatever `limit` says."""
    transaction_id, query = asked.path["id"], asked.query
    after = number_in(query.cursor) or 0
    await _known(desk, transaction_id)

    async def fetch(limit: int, after: int) -> list[MeterValuesRecord]:
        return await desk.ask(ListMeterValues(transaction_id=transaction_id, limit=limit, after=after))

    async def next_page(last: MeterValuesRecord) -> Sequence[MeterValuesRecord]:
        return await fetch(AT_ONCE, last.record_id)

    if preferred(asked.headers.get("accept", ""), (JSON, CSV)) == CSV:
        pages = pages_of(await fetch(AT_ONCE, after), next_page)
        rows = csv_of(MeterValuesModel, pages, meter_values_model)
        name = f"transaction-{transaction_id}-meter-values"
        return Streamed(rows, f"{CSV}; charset=utf-8", _disposition(name))
    return await page_of(
        await fetch(query.limit + 1, after), query.limit, meter_values_model, lambda record: record.record_id
    )


async def _known(desk: Desk, transaction_id: int) -> Transaction:
    record = await desk.ask(FindTransaction(transaction_id))
    if record is None:
        raise not_found("transaction", transaction_id)
    return record


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (list_transactions, get_transaction, list_meter_values)
