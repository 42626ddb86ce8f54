import json
import os
import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from webhook_gateway.revocations import LOOK_SECONDS, MOST_BYTES, Revocations, read_revoked

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def _write(path: Path, content: object) -> None:
    """Replace the file at once, as a tool would."""
    fresh = path.with_suffix(".new")
    fresh.write_text(content if isinstance(content, str) else json.dumps(content))
    fresh.replace(path)


def test_by_id_and_by_when_it_was_made(tmp_path: Path) -> None:
    """A token counts no more if its id is listed, or if it was made before its tenant's moment."""
    path = tmp_path / "revoked"
    _write(path, {"ids": ["lost"], "notBefore": {"acme": NOON.isoformat()}})
    revoked = Revocations(str(path))
    noon = NOON.timestamp()
    assert revoked.holds("other", "lost", noon)
    assert not revoked.holds("other", "kept", noon - 1)
    assert not revoked.holds("other", None, None)
    assert [revoked.holds("acme", "kept", made_at) for made_at in (noon - 1, noon, None, "x")] == [
        *(True, False, True, True)
    ]


def test_a_change_counts_soon_and_a_broken_file_never_loosens(tmp_path: Path) -> None:
    """The file is read again when it has changed; while it cannot be read, what it said last counts."""
    path, now = tmp_path / "revoked", 0.0
    _write(path, {})
    revoked = Revocations(str(path), lambda: now)
    _write(path, {"ids": ["lost"]})
    assert not revoked.holds("acme", "lost", 0)
    now += LOOK_SECONDS
    assert revoked.holds("acme", "lost", 0)
    with capture_logs() as lines:
        for broken in ("{", "[]", '{"id": []}', '{"notBefore": {"acme": "2026-11-30T12:00:00"}}'):
            _write(path, broken)
            now += LOOK_SECONDS
            assert revoked.holds("acme", "lost", 0)
        path.unlink()
        now += LOOK_SECONDS
        assert revoked.holds("acme", "lost", 0)
    assert len(lines) == 5
    _write(path, {"ids": ["other"]})
    now += LOOK_SECONDS
    assert not revoked.holds("acme", "lost", 0)


@pytest.mark.parametrize("content", [None, "{", '{"ids": [1]}'])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: str | None) -> None:
    """At the start a wrong file is a fault, in plain words."""
    path = tmp_path / "revoked"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match="the file"):
        read_revoked(str(path))


def test_a_list_that_could_not_be_opened_is_tried_again(tmp_path: Path) -> None:
    """Neither rights nor free file descriptors change the file itself: it counts as soon as it can be opened."""
    path, now = tmp_path / "revoked", 0.0
    _write(path, {})
    revoked = Revocations(str(path), lambda: now)
    _write(path, {"ids": ["lost"]})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with path.open("rb") as free:  # the lowest free descriptor
        none_left = free.fileno()
    with capture_logs() as lines:
        resource.setrlimit(resource.RLIMIT_NOFILE, (none_left, hard))
        try:
            now += LOOK_SECONDS
            held = revoked.holds("acme", "lost", 0)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        now += LOOK_SECONDS
        assert (held, revoked.holds("acme", "lost", 0)) == (False, True)
    assert [line["log_level"] for line in lines] == ["error", "info"]


def test_neither_a_pipe_nor_a_huge_file_is_read(tmp_path: Path) -> None:
    """The one would keep every request waiting, the other would fill the memory; the mark of an editor does no harm."""
    path = tmp_path / "revoked"
    os.mkfifo(path)
    with pytest.raises(ValueError, match="it is not a file"):
        read_revoked(str(path))
    path.unlink()
    path.write_bytes(b" " * (MOST_BYTES + 1))
    with pytest.raises(ValueError, match="has more than 16,000,000 bytes"):
        read_revoked(str(path))
    path.write_bytes(b'\xef\xbb\xbf{"ids": ["lost"]}')
    assert read_revoked(str(path)).holds("acme", "lost", 0)
