from webhook_gateway.ingest.breaker import CircuitBreaker


def test_a_single_failure_is_none() -> None:
    """It opens after failures in a row only."""
    breaker = CircuitBreaker(failures=2, pause_seconds=1)
    for now in range(10):
        breaker.failed(now)
        assert breaker.allows(now)
        breaker.succeeded()
    assert not breaker.is_open


def test_one_probe_after_each_pause() -> None:
    """While open all are refused; after a pause one is let through, and its success lets all through again."""
    breaker = CircuitBreaker(failures=2, pause_seconds=1, probe_seconds=5)
    breaker.failed(0)
    breaker.failed(0)
    assert breaker.is_open
    assert [breaker.allows(at) for at in (0, 0.5, 0.99)] == [False] * 3
    assert [breaker.refuses(1), breaker.allows(1), breaker.allows(1), breaker.refuses(2)] == [False, True, False, True]
    breaker.failed(3)  # the probe
    assert [breaker.allows(3.5), breaker.allows(4)] == [False, True]
    breaker.succeeded()
    assert [breaker.allows(4), breaker.allows(4)] == [True, True]
    assert not breaker.is_open


def test_a_lost_probe_is_not_waited_for_for_ever() -> None:
    """A probe that gets no answer is followed by another one."""
    breaker = CircuitBreaker(failures=1, pause_seconds=1, probe_seconds=5)
    breaker.failed(0)
    assert breaker.allows(1)
    assert [breaker.allows(5.9), breaker.allows(6), breaker.allows(6)] == [False, True, False]
