import pytest
from webhook_gateway.admission import Admission, NotKeptError, OverQuotaError, Room, Slot

ONE, TWO = ("hubspot", "1"), ("hubspot", "2")


def _admission(room: Room) -> Admission:
    return Admission(room, lambda: None)


def _entered(admission: Admission, size: int, *accounts: tuple[str, str]) -> Slot:
    slot = admission.enter()
    slot.grow(size)
    slot.claim(accounts)
    return slot


def _leave(*slots: Slot) -> None:
    for slot in slots:
        slot.__exit__(None, None, None)


def test_room_is_bounded_and_given_back() -> None:
    """Too many requests or bytes inside are refused at once; what has left makes room again."""
    told: list[tuple[int, int]] = []
    admission = Admission(Room(requests=1, bytes=100), lambda: told.append((admission.requests, admission.bytes)))
    for _ in range(3):
        with admission.enter() as slot:
            with pytest.raises(NotKeptError, match="intake_full"):
                admission.enter()
            slot.grow(60)
            with pytest.raises(NotKeptError, match="intake_full"):
                slot.grow(60)
            slot.grow(40)
            assert told[-1] == (1, 100)
        assert told[-1] == (0, 0)


def test_an_account_has_its_share_of_the_requests() -> None:
    """One account takes up half of the room; others come in all the same, and it does again once it has left some."""
    admission = _admission(Room(requests=4, bytes=1000))
    mine = [_entered(admission, 1, ONE) for _ in range(2)]
    refused = admission.enter()
    with pytest.raises(OverQuotaError, match="account_over_quota"):
        refused.claim([ONE])
    _leave(refused)
    other = _entered(admission, 1, TWO)
    _leave(mine.pop())
    _leave(_entered(admission, 1, ONE), other, *mine)
    assert len([_entered(admission, 1, ONE) for _ in range(2)]) == 2  # nothing was forgotten to be given back


def test_an_account_has_its_share_of_the_bytes() -> None:
    """Large requests count by their bytes; the first one always comes in, so that none is refused for ever."""
    admission = _admission(Room(requests=100, bytes=1000, account_percent=10))
    large = _entered(admission, 900, ONE)
    with pytest.raises(OverQuotaError):
        _entered(admission, 1, ONE)
    _leave(large)
    small = _entered(admission, 60, ONE)
    with pytest.raises(OverQuotaError):
        _entered(admission, 60, ONE)
    _leave(small)


def test_a_request_of_several_accounts_is_let_in_whole_or_not() -> None:
    """When one account of a request is over its share, nothing of it counts for the others."""
    admission = _admission(Room(requests=4, bytes=1000))
    mine = [_entered(admission, 1, ONE) for _ in range(2)]
    for _ in range(3):
        slot = admission.enter()
        with pytest.raises(OverQuotaError):
            slot.claim([TWO, ONE])
        _leave(slot)
    _leave(*mine)
    assert len([_entered(admission, 1, TWO) for _ in range(2)]) == 2


def test_without_a_share_an_account_may_take_it_all() -> None:
    """With 100 percent there is only the room itself."""
    admission = _admission(Room(requests=3, bytes=1000, account_percent=100))
    assert len([_entered(admission, 1, ONE) for _ in range(3)]) == 3
