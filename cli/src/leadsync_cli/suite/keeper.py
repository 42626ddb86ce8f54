"""Keeping one component running: start, wait until ready, replace when it dies or stops answering, stop."""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from leadsync_cli.errors import CommandError
from leadsync_cli.suite import child, logs
from leadsync_cli.suite.component import Backoff, Component, Patience
from leadsync_cli.suite.events import Reporter
from leadsync_cli.suite.probes import until_ready

CONFIGURATION_FAULT = 2  # exit code of every service whose settings are wrong


class CannotStartError(CommandError):
    """A component does not start and trying again would not help."""

    def __init__(self, component: str, detail: str) -> None:
        super().__init__("cannot_start", f"{component}: {detail}")


class Keeper:
    """Runs one component for as long as `keep` runs. Use from the main thread only (see `child`)."""

    def __init__(self, component: Component, log_dir: Path, reporter: Reporter, patience: Patience) -> None:
        self.component = component
        self.ready = asyncio.Event()
        self._log = log_dir / f"{component.name}.log"
        self._reporter = reporter
        self._patience = patience
        self._process: asyncio.subprocess.Process | None = None

    async def keep(self) -> None:
        """Keep it running until cancelled; the process outlives the cancellation, see `stop`.

        Raises CannotStartError on a configuration fault, or if it was never ready in its first tries.
        """
        backoff, deaths = Backoff(self._patience), 0
        logs.rotate(self._log)
        keeping_small = asyncio.create_task(logs.keep_small(self._log))
        try:
            while True:
                began = time.monotonic()
                code = await self._run(began)
                deaths += 1
                self._give_up_on_repeated_failure(code, deaths)
                delay = backoff.delay(time.monotonic() - began)
                self._report("exited", detail=describe_exit(code), code=code, delay=delay)
                await asyncio.sleep(delay)
        finally:
            keeping_small.cancel()

    async def stop(self, hurry: asyncio.Event) -> None:
        """End the process: SIGTERM, then SIGKILL after `stop_within`, or at once when the user hurries."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        began = time.monotonic()
        _signal(process, signal.SIGTERM)
        gone, hurried = asyncio.ensure_future(process.wait()), asyncio.ensure_future(hurry.wait())
        await asyncio.wait({gone, hurried}, timeout=self._patience.stop_within, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not gone.done():
            _signal(process, signal.SIGKILL)
            self._report("killed")
        self._report("ended", code=await gone, seconds=round(time.monotonic() - began, 2))

    async def _run(self, began: float) -> int:
        """Start the process, replace it if it stops answering, and return its exit code."""
        process = self._process = await self._spawn()
        self._report("started", pid=process.pid)
        gone = asyncio.ensure_future(process.wait())
        watching = asyncio.ensure_future(self._watch(process.pid, began))
        try:
            await asyncio.wait({gone, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not gone.done():
                watching.result()
                _signal(process, signal.SIGKILL)  # it hangs, or is stopped: nothing else ends it
            return await gone
        finally:
            watching.cancel()

    async def _watch(self, pid: int, began: float) -> None:
        """Report when it is ready. Return once it does not answer: at its start, or several times in a row later."""
        while not await self._is_ready_within(self._patience.ready_within):
            if not await self._answers():
                return
            self._report("waiting", pid=pid, log=str(self._log))
        seconds = round(time.monotonic() - began, 2)
        self._report("ready", pid=pid, seconds=seconds, address=self.component.address)
        self.ready.set()
        missed = 0
        while missed < self._patience.misses:
            await asyncio.sleep(self._patience.ask_every)
            missed = 0 if await self._answers() else missed + 1
        self._report("silent", pid=pid, times=missed)

    async def _is_ready_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(until_ready(self.component.ready), seconds)
        except TimeoutError:
            return False
        return True

    async def _answers(self) -> bool:
        try:
            return await self.component.answers()
        except Exception:  # noqa: BLE001 - an answer that cannot be understood is none
            return False

    async def _spawn(self) -> asyncio.subprocess.Process:
        """Start the program in a session of its own, so that Ctrl-C reaches only the supervisor."""
        wrapper = (sys.executable, "-I", "-S", child.__file__, str(os.getpid()))
        with logs.open_to_append(self._log) as log:
            return await asyncio.create_subprocess_exec(
                *wrapper,
                *self.component.command,
                env=dict(self.component.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )

    def _give_up_on_repeated_failure(self, code: int, deaths: int) -> None:
        never_ready = not self.ready.is_set()
        if code != CONFIGURATION_FAULT and not (never_ready and deaths >= self._patience.first_tries):
            return
        detail = describe_exit(code) if code != CONFIGURATION_FAULT else "it cannot start as it is configured"
        self._report("failed", detail=detail, log=str(self._log), log_tail=logs.tail(self._log))
        raise CannotStartError(self.component.name, f"{detail}; the whole log is {self._log}")

    def _report(self, event: str, **facts: str | float | None) -> None:
        self._reporter.report(event, self.component.name, **facts)


def describe_exit(code: int) -> str:
    """Say in words how a process ended; a negative code is a signal's number."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Signal the process; on SIGKILL the whole session that it leads."""
    with suppress(ProcessLookupError):
        if number == signal.SIGKILL:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
