"""`python -m crm_connector`: run the service until SIGTERM or Ctrl-C."""

import os
import signal
import sys
import threading

import structlog

from crm_connector import logs
from crm_connector.bootstrap import Service
from crm_connector.environment import SettingsError
from crm_connector.mongo.data_version import NewerDataError
from crm_connector.mongo.wrong_server import WrongServerError
from crm_connector.settings import Settings
from crm_connector.tls import TlsError, needed
from crm_connector.vault import WrongKeyError


def main() -> int:
    """Run until a signal. Exit code 1: address taken, or a thread ended; 2: wrong settings, key, server or data."""
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        sys.stderr.write("crm-connector cannot start:\n" + "".join(f"  {fault}\n" for fault in error.faults))
        return 2
    logs.configure(settings.log_level)
    if settings.tls is None and needed(settings.host):
        log = structlog.get_logger()
        log.warning("crm-connector listens without TLS: whoever reaches it can do anything", host=settings.host)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        service = Service(settings, stop)
    except WrongServerError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except TlsError as error:
        sys.stderr.write(f"crm-connector cannot start: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"crm-connector cannot start: {error}\n")
        return 1
    code = 0
    try:
        service.start()
        stop.wait()
    except (NewerDataError, WrongKeyError, WrongServerError) as error:
        sys.stderr.write(f"{error}\n")
        code = 2
    service.close()
    if service.ended:
        sys.stderr.write(f"{service.ended}\n")
        code = code or service.exit_code
    _leave(code)
    return code


def _leave(code: int) -> None:
    """End now if a thread still waits for a CRM: nobody needs the answer any more."""
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
