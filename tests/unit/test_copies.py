"""Small files that each service has for itself, since services share no code: their copies are equal."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPIED = {"secret_files.py": 4, "tls.py": 3, "mongo/address.py": 2}


@pytest.mark.parametrize(("name", "number"), COPIED.items())
def test_the_copies_of_a_file_are_equal(name: str, number: int) -> None:
    """A fault that is mended in one of them is mended in all."""
    places = [*ROOT.glob(f"services/*/src/*/{name}"), *ROOT.glob(f"cli/src/*/{name}")]
    assert len(places) == number
    assert len({place.read_text(encoding="utf-8") for place in places}) == 1
