"""Start lead-store: `python -m lead_store`."""

import gc
import os
import signal
import sys
import threading

import structlog

from lead_store import bootstrap, logs
from lead_store.mongo.data_version import NewerDataError
from lead_store.mongo.key_check import WrongKeyError
from lead_store.mongo.wrong_server import WrongServerError
from lead_store.settings import Settings, SettingsError
from lead_store.threads import ThreadEndedError
from lead_store.tls import TlsError, needed


def main() -> int:
    """Run until SIGTERM or Ctrl-C. Exit code 2: wrong settings, key, server or data; 1: a vital thread ended."""
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    logs.configure(settings.log_level)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    log = structlog.get_logger()
    if settings.tls is None and needed(settings.host):
        log.warning("lead-store listens without TLS: whoever reaches it can do anything", host=settings.host)
    sys.setswitchinterval(0.0005)  # seconds: threads that route give way to those that record ten times sooner
    try:
        with bootstrap.run(settings, stop) as port:
            gc.freeze()  # what is there now stays: looking through it for garbage stops everything for some 10 ms
            log.info("lead-store serves", port=port, tls=settings.tls is not None)
            stop.wait()
            log.info("lead-store stops")
    except (NewerDataError, TlsError, WrongKeyError, WrongServerError) as error:
        print(error, file=sys.stderr)
        return 2
    except ThreadEndedError as error:
        print(error, file=sys.stderr, flush=True)
        os._exit(1)  # now: another thread may hang, which would keep the process
    return 0


if __name__ == "__main__":
    sys.exit(main())
