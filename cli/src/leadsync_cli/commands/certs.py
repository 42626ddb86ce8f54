"""`certs`: certificates by which the services know each other."""

import re
import sys
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from leadsync_cli.certs import FILES, SERVICES
from leadsync_cli.commands.context import read_settings
from leadsync_cli.commands.options import JsonOption
from leadsync_cli.errors import CommandError, Exit
from leadsync_cli.output import print_facts, print_json, print_rows

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")
_SERVICE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def certs(
    *,
    folder: Annotated[
        Path | None, typer.Option(help="Where they are kept.  [default: tls in the data directory]", show_default=False)
    ] = None,
    service: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Also for this service of the platform; repeatable.")
    ] = None,
    host: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="Another DNS name or IP address of all; repeatable.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=825, help="For how long new leaves count.")] = 90,
    force: Annotated[bool, typer.Option("--force", help="Renew all leaves.")] = False,
    for_containers: Annotated[
        bool, typer.Option("--for-containers", help="Let the users of containers read the keys.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Make a CA and a certificate for each service, for development and docker compose.

    Run it again at any time: the CA stays, and leaves in the last third of their time are renewed, those of an
    earlier --service too. Services notice that by themselves.
    """
    from leadsync_cli.certs.folder import CA_LAST, Wanted, ensure_certificates  # noqa: PLC0415 (takes long to load)

    if faults := _faults(service or [], host or []):
        raise CommandError("invalid_name", "\n".join(faults), Exit.USAGE)
    home = folder.absolute() if folder else read_settings().tls_dir
    wanted = Wanted(SERVICES, service or [], host or [], days, force=force, containers=for_containers)
    now = datetime.now(UTC)
    try:
        entries = ensure_certificates(home, wanted, now)
    except OSError as error:
        detail = f"{error.filename or home}: {error.strerror}.\n--folder chooses another folder."
        raise CommandError("folder_unusable", detail, Exit.USAGE) from None
    rows = [
        {"file": entry.file, "state": entry.state, "endsAt": f"{entry.ends:%Y-%m-%dT%H:%M:%SZ}"} for entry in entries
    ]
    if json:
        print_json({"folder": str(home), "certificates": rows})
        return
    print_facts({"folder": str(home)})
    print_rows(rows, [("file", "file"), ("state", "state"), ("ends", "endsAt")], "")
    sys.stdout.write("\nEach service needs three files of its own folder:\n")
    print_facts({f"LEADSYNC_TLS_{name}": f"<service>/{file}" for name, file in FILES.items()}, indent="  ")
    if entries[0].ends - now < CA_LAST:
        sys.stdout.write("\nThe CA ends soon. docs/tls.md says how to change to another one.\n")


def _faults(services: list[str], hosts: list[str]) -> list[str]:
    """Say what is wrong with these names. A name gives rights, so nobody may get that of one of our services."""
    taken = [name for name in (*services, *hosts) if name.lower() in SERVICES]
    return [
        *(f"--service {name!r} must be a name such as billing." for name in services if not _SERVICE.fullmatch(name)),
        *(f"--host {name!r} must be a DNS name or an IP address." for name in hosts if not _is_host(name)),
        *(f"{name} is the name of a service, which has its certificate already." for name in taken),
    ]


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return _HOST.fullmatch(text) is not None
    return True
