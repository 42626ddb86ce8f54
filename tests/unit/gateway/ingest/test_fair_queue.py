from webhook_gateway.ingest.fair_queue import FairQueue


def test_accounts_take_turns() -> None:
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
