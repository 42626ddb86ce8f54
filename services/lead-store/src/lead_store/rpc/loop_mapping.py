"""Standing loops as the contract's messages."""

from leadsync.sync.v1 import loop_pb2

from lead_store.rpc.times import to_timestamp
from lead_store.usecases.loops import LoopState


def loop_message(state: LoopState) -> loop_pb2.LoopState:
    """The message of a state; what has not happened is absent."""
    return loop_pb2.LoopState(
        name=state.name,
        last_success_at=to_timestamp(state.succeeded_at),
        last_error_at=to_timestamp(state.failed_at),
        failing_since=to_timestamp(state.failing_since),
        reason=state.reason,
        message=state.message,
    )
