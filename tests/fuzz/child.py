"""`python -m fuzz.child TARGET [options of libFuzzer] FOLDER…`: fuzz one target until its time is over or it fails."""

import logging
import os
import sys

import atheris
import structlog

with atheris.instrument_imports(include=["webhook_gateway", "lead_store", "crm_connector", "leadsync_cli", "jwt"]):
    from fuzz.targets import TARGETS

from fuzz.json_mutator import mutated


def main() -> None:
    """Fuzz. libFuzzer ends the process: 0 = nothing was found."""
    target = TARGETS[sys.argv[1]]

    def mutate(data: bytes, largest: int, seed: int) -> bytes:
        found = mutated(data, seed) if seed % 2 else b""
        return found if 0 < len(found) <= largest else atheris.Mutate(data, largest)

    mutator = {"custom_mutator": mutate} if target.holds_json else {}
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.check, **mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    logging.disable()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(open(os.devnull, "w")))  # noqa: PTH123, SIM115 - until the process ends
    main()
