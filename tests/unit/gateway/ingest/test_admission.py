import pytest
from webhook_gateway.ingest.admission import Admission, AdmissionLimits, AdmittedRequest
from webhook_gateway.problem import NotKeptError

ONE, TWO = ("hubspot", "1"), ("hubspot", "2")


def _admission(limits: AdmissionLimits) -> Admission:
    return Admission(limits, lambda: None)


def _admitted(admission: Admission, size: int, *accounts: tuple[str, str]) -> AdmittedRequest:
    request = admission.admit()
    request.grow(size)
    request.claim(accounts)
    return request


def _release(*requests: AdmittedRequest) -> None:
    for request in requests:
        request.__exit__(None, None, None)


def test_room_is_bounded_and_given_back() -> None:
    """Too many requests or bytes inside are refused at once; what has left makes room again."""
    seen: list[tuple[int, int]] = []
    admission = Admission(
        AdmissionLimits(requests=1, bytes=100), lambda: seen.append((admission.requests, admission.bytes))
    )
    for _ in range(3):
        with admission.admit() as request:
            with pytest.raises(NotKeptError, match="intake_full"):
                admission.admit()
            request.grow(60)
            with pytest.raises(NotKeptError, match="intake_full"):
                request.grow(60)
            request.grow(40)
            assert seen[-1] == (1, 100)
        assert seen[-1] == (0, 0)


def test_an_account_has_its_share_of_the_requests() -> None:
    """One account takes up half of the room; others come in all the same, and it does again once it has left some."""
    admission = _admission(AdmissionLimits(requests=4, bytes=1000))
    mine = [_admitted(admission, 1, ONE) for _ in range(2)]
    refused = admission.admit()
    with pytest.raises(NotKeptError, match="429 account_over_quota"):
        refused.claim([ONE])
    _release(refused)
    other = _admitted(admission, 1, TWO)
    _release(mine.pop())
    _release(_admitted(admission, 1, ONE), other, *mine)
    assert len([_admitted(admission, 1, ONE) for _ in range(2)]) == 2  # nothing was forgotten to be given back


def test_an_account_has_its_share_of_the_bytes() -> None:
    """Large requests count by their bytes; the first one always comes in, so that none is refused for ever."""
    admission = _admission(AdmissionLimits(requests=100, bytes=1000, account_percent=10))
    large = _admitted(admission, 900, ONE)
    with pytest.raises(NotKeptError, match="account_over_quota"):
        _admitted(admission, 1, ONE)
    _release(large)
    small = _admitted(admission, 60, ONE)
    with pytest.raises(NotKeptError, match="account_over_quota"):
        _admitted(admission, 60, ONE)
    _release(small)


def test_a_request_of_several_accounts_is_let_in_whole_or_not() -> None:
    """When one account of a request is over its share, nothing of it counts for the others."""
    admission = _admission(AdmissionLimits(requests=4, bytes=1000))
    mine = [_admitted(admission, 1, ONE) for _ in range(2)]
    for _ in range(3):
        request = admission.admit()
        with pytest.raises(NotKeptError, match="account_over_quota"):
            request.claim([TWO, ONE])
        _release(request)
    _release(*mine)
    assert len([_admitted(admission, 1, TWO) for _ in range(2)]) == 2


def test_without_a_share_an_account_may_take_it_all() -> None:
    """With 100 percent there is only the room itself."""
    admission = _admission(AdmissionLimits(requests=3, bytes=1000, account_percent=100))
    assert len([_admitted(admission, 1, ONE) for _ in range(3)]) == 3


def _arriving(admission: Admission, address: str, size: int, cut: list[str]) -> AdmittedRequest:
    request = admission.admit(address)
    request.arrives(lambda: cut.append(f"{address}{size}"))
    request.grow(size)
    return request


def test_the_oldest_of_the_address_with_most_gives_way() -> None:
    """An address that fills all room with bodies that do not come loses them one by one; others come in."""
    cut: list[str] = []
    admission = _admission(AdmissionLimits(requests=4, bytes=1000))
    for address, size in (("b", 1), ("a", 2), ("a", 3), ("a", 4)):
        _arriving(admission, address, size, cut)
    for number in range(3):
        _admitted(admission, 1, ("hubspot", str(number)))
    assert cut == ["a2", "a3", "b1"]
    assert admission.requests == 4


def test_what_has_arrived_never_gives_way() -> None:
    """A request that is being kept stays; the one that finds no room is refused."""
    cut: list[str] = []
    admission = _admission(AdmissionLimits(requests=2, bytes=100))
    request = _arriving(admission, "a", 90, cut)
    request.arrived()
    _admitted(admission, 1, ONE)
    with pytest.raises(NotKeptError, match="intake_full"):
        admission.admit("b")
    assert cut == []


def test_the_largest_of_the_address_with_most_bytes_gives_way() -> None:
    """A body is not refused for want of room while a larger one is still arriving; the largest itself is."""
    cut: list[str] = []
    admission = _admission(AdmissionLimits(requests=100, bytes=100))
    for address, size in (("a", 20), ("a", 30), ("b", 40), ("a", 10)):
        _arriving(admission, address, size, cut)
    _arriving(admission, "c", 25, cut)
    assert (cut, admission.bytes) == (["a30"], 95)
    with pytest.raises(NotKeptError, match="intake_full"):
        _arriving(admission, "c", 50, cut)
    assert cut == ["a30"]
