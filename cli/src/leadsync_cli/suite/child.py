"""Become another program, which the kernel ends together with the process that started us.

Run as a file with `python -I -S child.py PARENT_PID PROGRAM ARGUMENTS…`: only the standard library is loaded,
and nothing of this project. On Linux the kernel sends SIGKILL when the parent's thread that started us ends, even when
the parent itself was killed (prctl(2), PR_SET_PDEATHSIG; it outlives exec). On other systems only an orderly stop ends
us.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie this process to its parent, then exec the program. Never returns."""
    parent, *command = arguments
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
        if os.getppid() != int(parent):  # it died before the tie held
            raise SystemExit(1)
    os.execvp(command[0], command)  # noqa: S606 (the command comes from our own catalogue)


if __name__ == "__main__":
    main(sys.argv[1:])
