"""Answers as the rules of misbehaviour want them: what is between the router, the writer and the protocol task."""

from datetime import datetime

import structlog
import trio

from ocpp_actors.call_in_hand import brief
from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.router import Handled
from ocpp_actors.charge_point.misbehaviour import Kind, Misbehaviour, Rule, spoilt
from ocpp_actors.charge_point.session import Session, SessionOver
from ocpp_actors.protocol.errors import ProtocolFault
from ocpp_actors.protocol.frames import Call

log = structlog.get_logger(__name__)


class DeliberateCrash(Exception):
    """A rule wants the task tree to crash."""


class Misbehaving:
    """Stands in for the router and the frame writer of one task tree.

    The answer is broken, not the ledger: a message is handled as always, but for a crash.
    """

    def __init__(self, session: Session, misbehaviour: Misbehaviour) -> None:
        self._session = session
        self._misbehaviour = misbehaviour
        self._rule: Rule | None = None
        self._call: Call | None = None

    async def dispatch(self, call: Call, context: Context) -> Handled:
        """Do as Router.dispatch() does, and then what the rule for this CALL wants before the answer.

        Raises ProtocolFault, Unconfirmable: as Router.dispatch() does, or the rule wants a CALLERROR.
        Raises SessionOver: the rule wants the connection closed or cut.
        Raises DeliberateCrash: the rule wants a crash.
        """
        self._call = call
        rule = self._rule = self._misbehaviour.choose(call.action, context.central_system.chance)
        if rule is None:
            return await self._session.router.dispatch(call, context)
        log.warning("misbehaving on purpose", kind=str(rule.kind), action=brief(call.action))
        if rule.kind is Kind.CRASH:
            raise DeliberateCrash
        answer: Handled | ProtocolFault
        try:
            answer = await self._session.router.dispatch(call, context)
        except ProtocolFault as fault:
            answer = fault
        await self._before_answer(rule)
        if isinstance(answer, ProtocolFault):
            raise answer
        return answer

    async def _before_answer(self, rule: Rule) -> None:
        match rule.kind:
            case Kind.DELAY:
                await trio.sleep(rule.seconds)
            case Kind.STALL:
                assert self._session.stall is not None, "whoever may misbehave may stall"
                self._session.stall.begin(rule.seconds)
                await self._session.stall.over()
            case Kind.CALL_ERROR:
                raise ProtocolFault(rule.error_code, "refused on purpose")
            case Kind.CLOSE:
                raise SessionOver(rule.close_code, "closed on purpose")
            case Kind.CUT:
                raise SessionOver(1006, "cut on purpose", abort=True)

    async def write(self, text: str, message_id: str, action: str | None) -> datetime:
        """Write one text as the rule wants it; what is no answer to a CALL of its own is written as it is.

        Returns when it was written, or would have been.
        Raises ConnectionEnded: as FrameWriter.write() does.
        """
        rule, self._rule = self._rule, None
        if rule is None:
            return await self._session.writer.write(text, message_id, action)
        assert self._call is not None
        conversation = self._session.conversation
        texts = spoilt(text, rule.kind, conversation.new_message_id())
        if text not in texts:
            conversation.forget(self._call.message_id)
        at = self._session.now()
        for each in texts:
            at = await self._session.writer.write(each, message_id, action)
        return at
