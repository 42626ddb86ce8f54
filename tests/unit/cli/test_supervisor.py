"""The supervisor with real, trivial child processes."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from leadsync_cli.suite.component import Backoff, Component, Patience, Probe
from leadsync_cli.suite.events import Event, Reporter
from leadsync_cli.suite.keeper import CannotStartError
from leadsync_cli.suite.supervisor import Supervisor

QUICK = Patience(first_delay=0.02, longest_delay=0.08, ready_within=10, stop_within=10)


async def at_once() -> bool:
    """Ready as soon as the process exists."""
    return True


async def never() -> bool:
    """Never ready."""
    return False


def shell(name: str, script: str, *after: str, ready: Probe = at_once, answers: Probe | None = None) -> Component:
    """Return a component that runs a shell script. Unless told otherwise, it answers once it is ready."""
    command, environment = ("/bin/sh", "-c", script), {"PATH": os.environ["PATH"]}
    return Component(name, command, "nowhere", ready, answers or ready, after, environment)


class EventLog:
    """Collects the supervisor's events, and lets a test wait for one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        self.reporter = Reporter(self._note)

    def _note(self, event: Event) -> str:
        self.events.append(event)
        self._changed.set()
        return ""

    def named(self, name: str) -> list[Event]:
        """Return the events of one name, in order."""
        return [event for event in self.events if event.name == name]

    async def until(self, name: str, count: int) -> Event:
        """Wait for the count-th event of a name."""
        async with asyncio.timeout(20):
            while len(self.named(name)) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.named(name)[count - 1]


async def play(
    event_log: EventLog,
    folder: Path,
    components: list[Component],
    script: Callable[[Supervisor], Awaitable[None]],
    patience: Patience = QUICK,
) -> None:
    """Run a supervisor, run the script against it, then stop it."""
    supervisor = Supervisor(components, folder, event_log.reporter, patience)

    async def ready() -> None:
        event_log.reporter.report("up")

    running = asyncio.create_task(supervisor.run(ready))
    try:
        await script(supervisor)
    finally:
        supervisor.request_stop()
        await running


def test_a_dead_child_is_restarted_with_growing_delays(tmp_path: Path) -> None:
    """A child that is killed repeatedly is restarted, after a longer delay each time, up to a limit."""
    event_log = EventLog()

    async def kill_it(_: Supervisor) -> None:
        for turn in range(1, 5):
            event = await event_log.until("ready", turn)
            os.kill(int(event.facts["pid"] or 0), signal.SIGKILL)
        await event_log.until("ready", 5)

    asyncio.run(play(event_log, tmp_path, [shell("one", "exec sleep 60")], kill_it))

    deaths = event_log.named("exited")
    assert [event.facts["delay"] for event in deaths] == [0.02, 0.04, 0.08, 0.08]
    assert deaths[0].facts["detail"] == "killed by SIGKILL"
    assert len({event.facts["pid"] for event in event_log.named("started")}) == 5


def test_a_steady_run_makes_the_next_restart_quick() -> None:
    """Delays double up to the limit, and start over after a run of a minute."""
    backoff = Backoff(Patience())

    assert [backoff.delay(1) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff.delay(60) == 0.5
    assert backoff.delay(1) == 1


def test_a_configuration_fault_stops_everything_and_shows_the_log(tmp_path: Path) -> None:
    """Exit code 2 is never retried: the end of the log is shown, the others are stopped."""
    event_log = EventLog()
    components = [
        shell("good", "exec sleep 60"),
        shell("bad", "echo PORT is not a number; exit 2", "good", ready=never),
    ]

    async def wait(_: Supervisor) -> None:
        await event_log.until("stopped", 1)

    with pytest.raises(CannotStartError, match="cannot start as it is configured"):
        asyncio.run(play(event_log, tmp_path, components, wait))

    assert event_log.named("failed")[0].facts["log_tail"] == "PORT is not a number"
    assert_all_gone(event_log)


def test_a_child_that_never_becomes_ready_ends_the_start(tmp_path: Path) -> None:
    """A child that exits three times before it was ever ready ends the suite."""
    event_log = EventLog()

    async def wait(_: Supervisor) -> None:
        await event_log.until("stopped", 1)

    with pytest.raises(CannotStartError, match="exited with code 7"):
        asyncio.run(play(event_log, tmp_path, [shell("bad", "exit 7", ready=never)], wait))

    assert len(event_log.named("started")) == QUICK.first_tries


def test_a_child_that_hangs_at_its_start_is_replaced(tmp_path: Path) -> None:
    """A child that runs but is not ready in time is killed and restarted."""
    event_log, seen_starts = EventLog(), []
    patience = Patience(first_delay=0.02, ready_within=0.3)

    async def ready_in_the_second_run() -> bool:
        seen_starts.append(len(event_log.named("started")))
        return seen_starts[-1] == 2

    async def wait(_: Supervisor) -> None:
        await event_log.until("ready", 1)

    components = [shell("slow", "exec sleep 60", ready=ready_in_the_second_run)]
    asyncio.run(play(event_log, tmp_path, components, wait, patience))

    assert event_log.named("exited")[0].facts["detail"] == "killed by SIGKILL"
    assert_all_gone(event_log)


def test_a_child_that_stops_answering_is_replaced(tmp_path: Path) -> None:
    """A child that lives but does not answer several times in a row is killed, and this is said; one miss is none."""
    event_log, asked = EventLog(), list[int]()
    patience = Patience(first_delay=0.02, ask_every=0.01, misses=3, stop_within=0.3)

    async def answers() -> bool:
        """Answer the first process with one miss, then no more; and the second one always."""
        asked.append(len(event_log.named("started")))
        return asked[-1] == 2 or len(asked) in {2, 3}

    async def wait(_: Supervisor) -> None:
        await event_log.until("ready", 2)

    stopped = shell("one", "kill -STOP $$; sleep 60", answers=answers)
    asyncio.run(play(event_log, tmp_path, [stopped], wait, patience))

    first, second = event_log.named("ready")
    assert [event.facts for event in event_log.named("silent")] == [{"pid": first.facts["pid"], "times": 3}]
    assert event_log.named("exited")[0].facts["detail"] == "killed by SIGKILL"
    assert (asked.count(1), second.facts["pid"] != first.facts["pid"]) == (6, True)
    assert_all_gone(event_log)


def test_a_child_that_answers_but_is_not_ready_is_left_alone(tmp_path: Path) -> None:
    """It waits for something, such as its database: killing it would not help."""
    event_log, asked = EventLog(), list[str]()
    patience = Patience(ready_within=0.05)

    async def answers() -> bool:
        asked.append("answers")
        return True

    async def ready_at_last() -> bool:
        return len(asked) >= 3

    async def wait(_: Supervisor) -> None:
        await event_log.until("ready", 1)

    waiting = shell("one", "exec sleep 60", ready=ready_at_last, answers=answers)
    asyncio.run(play(event_log, tmp_path, [waiting], wait, patience))

    assert event_log.named("exited") == []


def test_components_start_in_order_and_stop_in_reverse(tmp_path: Path) -> None:
    """Each starts once those before it are ready, and all stop in reverse order."""
    event_log, order = EventLog(), tmp_path / "order"
    script = "echo start-{0} >> {1}; trap 'echo stop-{0} >> {1}; exit 0' TERM; echo > {1}.{0}; sleep 60 & wait"

    def component(name: str, *after: str) -> Component:
        async def ready() -> bool:
            return is_there(f"{order}.{name}")

        return shell(name, script.format(name, order), *after, ready=ready)

    async def wait(_: Supervisor) -> None:
        await event_log.until("up", 1)

    asyncio.run(play(event_log, tmp_path, [component("a"), component("b", "a"), component("c", "b")], wait))

    assert order.read_text().split() == ["start-a", "start-b", "start-c", "stop-c", "stop-b", "stop-a"]


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """After `stop_within`, SIGKILL ends the child and everything that it started."""
    event_log = EventLog()
    stubborn = shell(
        "stubborn", f"trap '' TERM; echo > {tmp_path}/ready; while :; do sleep 0.1; done", ready=there(tmp_path)
    )

    async def wait(_: Supervisor) -> None:
        await event_log.until("up", 1)

    asyncio.run(play(event_log, tmp_path, [stubborn], wait, Patience(stop_within=0.3)))

    assert [event.component for event in event_log.named("killed")] == ["stubborn"]
    assert_all_gone(event_log)


def test_a_second_request_to_stop_hurries(tmp_path: Path) -> None:
    """A second request kills the children at once."""
    event_log = EventLog()
    stubborn = shell(
        "stubborn", f"trap '' TERM; echo > {tmp_path}/ready; while :; do sleep 0.1; done", ready=there(tmp_path)
    )

    async def ask_once(supervisor: Supervisor) -> None:
        await event_log.until("up", 1)
        supervisor.request_stop()
        await event_log.until("stopping", 1)

    asyncio.run(play(event_log, tmp_path, [stubborn], ask_once, Patience(stop_within=3600)))

    assert [event.component for event in event_log.named("killed")] == ["stubborn"]


def test_logs_of_the_previous_start_are_kept(tmp_path: Path) -> None:
    """A new start begins a new log and keeps one earlier log beside it."""
    for word in ("first", "second"):
        event_log = EventLog()
        component = shell("one", f"echo {word}; echo > {tmp_path}/ready; exec sleep 60", ready=there(tmp_path))

        async def wait(_: Supervisor, event_log: EventLog = event_log) -> None:
            await event_log.until("up", 1)

        asyncio.run(play(event_log, tmp_path, [component], wait))
        (tmp_path / "ready").unlink()

    assert (tmp_path / "one.log").read_text() == "second\n"
    assert (tmp_path / "one.log.1").read_text() == "first\n"


def test_a_child_whose_log_cannot_be_opened_runs_without_one(tmp_path: Path) -> None:
    """Somebody has removed the folder of logs while the suite runs: a child that dies then is started all the same."""
    event_log, folder = EventLog(), tmp_path / "logs"
    folder.mkdir()

    async def remove_and_kill(_: Supervisor) -> None:
        event = await event_log.until("ready", 1)
        shutil.rmtree(folder)
        os.kill(int(event.facts["pid"] or 0), signal.SIGKILL)
        await event_log.until("ready", 2)

    asyncio.run(play(event_log, folder, [shell("one", "exec sleep 60")], remove_and_kill))

    assert not is_there(folder)


def test_the_log_of_a_running_child_is_cut(tmp_path: Path) -> None:
    """A child that writes much has its log moved aside while it runs."""
    event_log = EventLog()

    async def cut() -> bool:
        return is_there(tmp_path / "wordy.log.1") and (tmp_path / "wordy.log").stat().st_size == 0

    wordy = shell("wordy", "head -c 10000001 /dev/zero; exec sleep 60", ready=cut, answers=at_once)

    async def wait(_: Supervisor) -> None:
        await event_log.until("up", 1)

    asyncio.run(play(event_log, tmp_path, [wordy], wait))

    assert len(event_log.named("started")) == 1


def test_a_child_gets_only_the_environment_it_is_given(tmp_path: Path) -> None:
    """Nothing of the supervisor's own environment reaches a child."""
    event_log, seen = EventLog(), tmp_path / "seen"
    script = f"import os; open({str(seen)!r}, 'w').write(' '.join(sorted(os.environ))); import time; time.sleep(60)"

    async def ready() -> bool:
        return seen.exists() and bool(seen.read_text())

    component = Component(
        "one",
        (sys.executable, "-I", "-S", "-c", script),
        "",
        ready,
        at_once,
        (),
        {"ONLY": "this", "LC_CTYPE": "C.UTF-8"},
    )

    async def wait(_: Supervisor) -> None:
        await event_log.until("up", 1)

    asyncio.run(play(event_log, tmp_path, [component], wait))

    assert seen.read_text() == "LC_CTYPE ONLY"


def there(folder: Path) -> Callable[[], Awaitable[bool]]:
    """Return a probe that is ready once the child has made the file `ready`."""

    async def ask() -> bool:
        return is_there(folder / "ready")

    return ask


def is_there(path: Path | str) -> bool:
    """Say whether a child has made the file."""
    return Path(path).exists()


def assert_all_gone(event_log: EventLog) -> None:
    """Assert that no started process is left."""
    for event in event_log.named("started"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(event.facts["pid"] or 0), 0)
