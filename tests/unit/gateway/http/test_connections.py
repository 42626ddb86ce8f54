from dataclasses import dataclass, field

from webhook_gateway.http.connections import GIVING_WAY, ConnectionLimits, Connections, Stage


@dataclass(eq=False)
class _Connection:
    address: str
    stage: Stage
    since: float
    unread_since: float | None = None
    ended: list[str] = field(default_factory=list)

    def end(self, reason: str) -> None:
        self.ended.append(reason)


def _open(connections: Connections, number: int, address: str, stage: Stage) -> list[_Connection]:
    found = [_Connection(address, stage, float(since)) for since in range(number)]
    for one in found:
        connections.opened(one)
    return found


def test_those_that_wait_longest_at_the_largest_address_give_way() -> None:
    """What is being answered stays, and so does every other address."""
    connections = Connections(ConnectionLimits(connections=100))
    other = _open(connections, 10, "b", Stage.IDLE)
    busy = _open(connections, 45, "a", Stage.ANSWER)
    waiting = _open(connections, 45, "a", Stage.HEAD)
    (new,) = _open(connections, 1, "c", Stage.HEAD)
    assert [one.ended for one in waiting] == [["crowded"]] * GIVING_WAY + [[]] * (45 - GIVING_WAY)
    assert not any(one.ended for one in (*other, *busy, new))
    assert len(connections) == 101 - GIVING_WAY


def test_the_new_one_gives_way_where_all_are_being_answered() -> None:
    """Then nothing that is being answered is cut off."""
    connections = Connections(ConnectionLimits(connections=3))
    busy = _open(connections, 3, "a", Stage.ANSWER)
    (new,) = _open(connections, 1, "b", Stage.HEAD)
    assert new.ended == ["crowded"]
    assert not any(one.ended for one in busy)


def test_each_stage_has_its_time() -> None:
    """A connection is ended once its stage has taken longer than that may; an answer takes as long as it needs."""
    connections = Connections(ConnectionLimits(head_seconds=1, body_seconds=2, idle_seconds=3, unread_seconds=4))
    found = {stage: _open(connections, 1, "a", stage)[0] for stage in Stage}
    unread = _Connection("a", Stage.ANSWER, 0.0, unread_since=0.0)
    connections.opened(unread)
    for now, expected in ((1.0, []), (1.5, [Stage.HEAD]), (2.5, [Stage.HEAD, Stage.BODY])):
        connections.sweep(now)
        assert [stage for stage, one in found.items() if one.ended] == expected
    connections.sweep(100.0)
    assert found[Stage.ANSWER].ended == []
    assert set(unread.ended) == {"unread"}


def test_a_closed_connection_is_forgotten() -> None:
    """Closing it twice changes nothing."""
    connections = Connections(ConnectionLimits())
    (one,) = _open(connections, 1, "a", Stage.HEAD)
    connections.closed(one)
    connections.closed(one)
    assert len(connections) == 0
