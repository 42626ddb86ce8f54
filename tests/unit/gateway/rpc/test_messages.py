"""Times on their way into messages."""

from google.protobuf.timestamp_pb2 import Timestamp
from leadsync.inbox.v1 import inbox_service_pb2 as pb
from webhook_gateway.rpc.messages import set_time


def test_the_first_moment_is_a_time() -> None:
    """1970 itself, all of whose fields are zero, is present in the message that holds it; each millisecond is kept."""
    touch = pb.Touch()
    set_time(touch.occurred_at, 0)
    assert pb.Touch.FromString(touch.SerializeToString()).HasField("occurred_at")
    set_time(touch.occurred_at, 1_782_371_969_536)
    assert touch.occurred_at == Timestamp(seconds=1_782_371_969, nanos=536_000_000)
