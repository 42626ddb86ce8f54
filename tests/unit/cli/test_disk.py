"""A disk that is nearly full is told before it is full."""

import asyncio
from pathlib import Path

import pytest
from leadsync_cli.errors import CommandError, ConfigurationError
from leadsync_cli.settings import Settings
from leadsync_cli.suite.disk import watch_room
from leadsync_cli.suite.events import Event, Reporter, as_text
from leadsync_cli.suite.up import run_suite

MORE_THAN_ANY_DISK = 999_999_999  # megabytes


def test_a_suite_does_not_start_on_a_full_disk(tmp_path: Path) -> None:
    """It says how much is free and what to do, and has made neither keys nor a database."""
    settings = Settings.from_env({"LEADSYNC_DATA_DIR": str(tmp_path), "LEADSYNC_MIN_FREE_MB": str(MORE_THAN_ANY_DISK)})

    with pytest.raises(CommandError, match="Make room") as refused:
        run_suite(settings, Reporter(as_text))

    assert (refused.value.reason, [path.name for path in tmp_path.iterdir()]) == ("disk_full", ["lock"])


def test_too_little_room_is_told_once(tmp_path: Path) -> None:
    """The line says what is free, what it means, and when it is over."""
    told, looked = list[Event](), asyncio.Event()

    def note(event: Event) -> str:
        told.append(event)
        looked.set()
        return ""

    async def watch() -> None:
        watching = asyncio.create_task(watch_room(tmp_path, MORE_THAN_ANY_DISK, Reporter(note), 0.0))
        await asyncio.wait_for(looked.wait(), 60)
        for _ in range(20):
            await asyncio.sleep(0)
        watching.cancel()

    asyncio.run(watch())

    assert [event.name for event in told] == ["disk_low"]
    assert "nothing new is taken until there are 1249999998 MB" in as_text(told[0])


@pytest.mark.parametrize("text", ["many", "-1", "1.5", "9" * 10])
def test_a_limit_that_is_no_number_is_refused(text: str) -> None:
    """Along with everything else that is wrong."""
    with pytest.raises(ConfigurationError, match="LEADSYNC_MIN_FREE_MB must be a whole number"):
        Settings.from_env({"LEADSYNC_MIN_FREE_MB": text})
