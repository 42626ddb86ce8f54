from webhook_gateway.breaker import Breaker
from webhook_gateway.fair_queue import FairQueue


def test_a_single_failure_is_none() -> None:
    """It opens after failures in a row only."""
    breaker = Breaker(failures=2, pause_seconds=1)
    for now in range(10):
        breaker.failed(now)
        assert breaker.take(now)
        breaker.succeeded()
    assert not breaker.is_open


def test_one_probe_after_each_pause() -> None:
    """While open all are refused; after a pause one is let through, and its success lets all through again."""
    breaker = Breaker(failures=2, pause_seconds=1, probe_seconds=5)
    breaker.failed(0)
    breaker.failed(0)
    assert breaker.is_open
    assert [breaker.take(at) for at in (0, 0.5, 0.99)] == [False] * 3
    assert [breaker.refuses(1), breaker.take(1), breaker.take(1), breaker.refuses(2)] == [False, True, False, True]
    breaker.failed(3)  # the probe
    assert [breaker.take(3.5), breaker.take(4)] == [False, True]
    breaker.succeeded()
    assert [breaker.take(4), breaker.take(4)] == [True, True]
    assert not breaker.is_open


def test_a_lost_probe_is_not_waited_for_for_ever() -> None:
    """A probe that nobody hears of any more is followed by another one."""
    breaker = Breaker(failures=1, pause_seconds=1, probe_seconds=5)
    breaker.failed(0)
    assert breaker.take(1)
    assert [breaker.take(5.9), breaker.take(6), breaker.take(6)] == [False, True, False]


def test_turns() -> None:
    """Each account has its turn; within an account first come is first served."""
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "a3", "b1", "c1", "b2"):
        queue.push(item[0], item)
    queue.push_first("c", "c0")
    assert queue.first() == "a1"
    assert [queue.take() for _ in range(3)] == ["a1", "b1", "c0"]
    queue.push("d", "d1")
    assert list(queue.drain()) == ["a2", "b2", "c1", "d1", "a3"]
    assert queue.first() is None
