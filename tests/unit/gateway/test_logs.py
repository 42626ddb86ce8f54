from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from webhook_gateway.logs import MAX_LINES_PER_SECOND, THIN_SECONDS, LineBudget, ThinnedLines


def test_a_burst_is_written_out_and_a_flood_is_thinned_evenly() -> None:
    """After a quiet second all of its lines are there at once; then they come back one by one, not all together."""
    moments = iter([0.0, 0.0, 0.0, 0.1, 0.2, 5.0, 5.0])
    lines = LineBudget(lambda: next(moments))
    given = [lines.take(MAX_LINES_PER_SECOND) for _ in range(6)]
    tenth = MAX_LINES_PER_SECOND // 10
    assert given == [MAX_LINES_PER_SECOND, 0, tenth, tenth, MAX_LINES_PER_SECOND, 0]


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 500), st.integers(1, 20)), min_size=1, max_size=30))
def test_no_more_lines_than_time_allows(asked: list[tuple[float, int, int]]) -> None:
    """However lines are asked for, no more are given than one second's, and as many again each second; few are none."""
    now = 0.0
    lines = LineBudget(lambda: now)
    total = 0
    for seconds, wanted, least in asked:
        now += seconds
        given_now = lines.take(wanted, least)
        assert given_now == 0 or least <= given_now <= wanted
        total += given_now
        assert total <= MAX_LINES_PER_SECOND * (1 + now) + 1e-6


def test_lines_of_a_kind_are_thinned_and_counted() -> None:
    """The first is written; later ones are counted in one line a minute, each kind on its own."""
    now = 0.0
    lines = ThinnedLines(lambda: now)
    with capture_logs() as written:
        for _ in range(1000):
            lines.warning("refused", reason="a")
        lines.warning("refused", reason="b")
        now += THIN_SECONDS
        lines.warning("refused", reason="a")
    assert [(line["reason"], line["times"]) for line in written] == [("a", 1), ("b", 1), ("a", 1000)]
