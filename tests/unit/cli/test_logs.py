"""The logs that `leadsync up` keeps of its children stay small."""

import subprocess
import sys
import time
from pathlib import Path

from leadsync_cli.suite import logs

WRITER = "import sys; [print(line, end='', flush=True) for line in sys.stdin]"
ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from leadsync_cli.suite import logs

resource.setrlimit(resource.RLIMIT_FSIZE, (150, 150))  # a longer file cannot be written, as on a full disk
logs.cut(Path(sys.argv[1]), 100)
"""


def test_a_log_that_grows_is_cut_while_its_process_goes_on_writing(tmp_path: Path) -> None:
    """What it held is in an earlier log, of which the oldest go; the process notices nothing."""
    log = tmp_path / "one.log"
    with (
        log.open("ab") as target,
        subprocess.Popen([sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=target, text=True) as writer,
    ):
        assert writer.stdin
        for number in range(1, 6):
            writer.stdin.write(f"{number}" * 100 + "\n")
            writer.stdin.flush()
            _wait_for_size(log, 101)
            logs.cut(log, 101)
            assert log.stat().st_size == 101
            logs.cut(log, 100)
        writer.stdin.write("last\n")

    assert log.read_text() == "last\n"
    earlier = {path.name: path.read_text()[0] for path in tmp_path.glob("one.log.*")}
    assert earlier == {"one.log.1": "5", "one.log.2": "4", "one.log.3": "3"}
    assert {path.stat().st_mode & 0o077 for path in tmp_path.glob("one.log.*")} == {0}


def _wait_for_size(log: Path, size: int) -> None:
    end = time.monotonic() + 60
    while log.stat().st_size < size:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_log_that_finds_no_room_for_its_copy_is_cut_all_the_same(tmp_path: Path) -> None:
    """On a full disk an empty log helps more than a whole one."""
    log = tmp_path / "one.log"
    log.write_text("x" * 200)

    subprocess.run([sys.executable, "-c", ON_A_FULL_DISK, str(log)], check=True)

    assert log.read_text() == ""
    assert list(tmp_path.iterdir()) == [log]
