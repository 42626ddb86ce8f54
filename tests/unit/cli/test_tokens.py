"""`leadsync tokens`: what it writes is what the gateway goes by."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from leadsync_cli.__main__ import main
from leadsync_cli.errors import Exit
from leadsync_cli.revocations import MOST_IDS, change
from leadsync_cli.tokens import Role, id_of, make_token
from webhook_gateway.revocations import read_revoked

KEY = "k" * 32
Run = Callable[..., int]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The gateway's file, which is not there yet."""
    path = tmp_path / "revoked.json"
    monkeypatch.setenv("LEADSYNC_REVOKED_TOKENS", str(path))
    return path


def run(*arguments: str) -> int:
    """Run a command; return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["tokens", *arguments])
    return int(ended.value.code or 0)


def made(tenant: str = "default") -> tuple[str, dict[str, Any]]:
    """A token and what it claims."""
    token = make_token(KEY, tenant=tenant, role=Role.ADMIN, subject="s", lifetime=timedelta(days=1))
    return token, jwt.decode(token, KEY, algorithms=["HS256"], audience="leadsync")


def holds(file: Path, claims: dict[str, Any]) -> bool:
    """Whether the gateway refuses a token."""
    return read_revoked(str(file)).holds(claims["tenant"], claims["jti"], claims["iat"])


def test_single_tokens_are_revoked_by_id_or_as_they_are(file: Path) -> None:
    """Others still count, and doing it again changes nothing."""
    (one, by_text), (other, by_id), (_, left) = made(), made(), made()
    for _ in range(2):
        assert run("revoke", one, id_of(other)) == Exit.DONE
    assert [holds(file, claims) for claims in (by_text, by_id, left)] == [True, True, False]
    assert len(read_revoked(str(file)).ids) == 2


def test_all_tokens_of_a_tenant_that_were_made_before_are_revoked(file: Path) -> None:
    """Those of another tenant count, and those made later. An earlier moment does not let any count again."""
    claims, foreign = made()[1], made("acme")[1]
    assert run("revoke-before", "now") == Exit.DONE
    assert run("revoke-before", "2020-01-01T00:00:00Z") == Exit.DONE
    assert [holds(file, one) for one in (claims, foreign)] == [True, False]
    assert not holds(file, claims | {"iat": claims["iat"] + 60})
    assert run("revoke-before", "2026-01-01T13:00:00+01:00", "--tenant", "acme") == Exit.DONE
    assert read_revoked(str(file)).not_before["acme"] == datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_what_is_revoked_is_listed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For people as a table, for programs as the file has it; without a file nothing is revoked."""
    assert run("list") == Exit.DONE
    assert "No token is revoked." in capsys.readouterr().out
    run("revoke", "a-token")
    run("revoke-before", "2026-01-01T00:00:00Z", "--tenant", "acme")
    capsys.readouterr()
    run("list")
    shown = capsys.readouterr().out
    assert "a-token" in shown
    assert "2026-01-01T00:00:00Z" in shown
    run("list", "--json")
    assert json.loads(capsys.readouterr().out) == {
        "file": str(file),
        "ids": ["a-token"],
        "notBefore": {"acme": "2026-01-01T00:00:00+00:00"},
    }


def test_the_file_keeps_its_mode_and_what_others_wrote(file: Path) -> None:
    """The user of a container may read it before and after; times stay the moments that they were."""
    file.write_text('{"notBefore": {"acme": "2026-11-30T01:00:00+01:00"}}')
    file.chmod(0o644)
    assert run("revoke", "a") == Exit.DONE
    assert file.stat().st_mode & 0o777 == 0o644
    assert read_revoked(str(file)).not_before == {"acme": datetime(2026, 11, 30, tzinfo=UTC)}


def test_commands_at_the_same_time_lose_nothing(file: Path) -> None:
    """Each goes on from what the other one has written."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: change(file, lambda revoked: revoked.with_ids([str(n)])), range(40)))
    assert len(read_revoked(str(file)).ids) == 40


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("revoke", "a.b.c"), "invalid_token"),
        (("revoke", ""), "invalid_name"),
        (("revoke", "x" * 129), "invalid_name"),
        (("revoke-before", "yesterday"), "invalid_time"),
        (("revoke-before", "2026-01-01T00:00:00"), "invalid_time"),
        (("revoke-before", "2999-01-01T00:00:00Z"), "invalid_time"),
        (("revoke-before", "now", "--tenant", ""), "invalid_name"),
    ],
)
def test_what_makes_no_sense_is_refused(
    file: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], reason: str
) -> None:
    """The file is not made for it."""
    assert run(*arguments) == Exit.USAGE
    assert reason in capsys.readouterr().err
    assert not file.exists()


@pytest.mark.parametrize("content", ["", "[]", "null", '{"ids": [1]}', '{"other": 1}', '{"notBefore": {"a": "x"}}'])
def test_a_damaged_file_is_never_replaced(file: Path, capsys: pytest.CaptureFixture[str], content: str) -> None:
    """What it revoked has to stay revoked."""
    file.write_text(content)
    assert run("revoke", "a") == Exit.USAGE
    assert "damaged_file" in capsys.readouterr().err
    assert file.read_text() == content


def test_the_list_is_bounded(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The gateway reads all of it again after each change."""
    file.write_text(json.dumps({"ids": [str(n) for n in range(MOST_IDS)]}))
    assert run("revoke", "0") == Exit.DONE
    assert run("revoke", "one more") == Exit.CONFLICT
    assert "revoke-before" in capsys.readouterr().err
