"""What fuzzing has found and what it begins with, checked without a fuzzer."""

from pathlib import Path

import pytest
from hostile import is_slow

from fuzz.target import CORPUS, Target
from fuzz.targets import TARGETS

KEPT = [pytest.param(one, path, id=f"{one.name}-{path.name}") for one in TARGETS.values() for path in one.kept()]


@pytest.mark.parametrize(("target", "path"), KEPT)
def test_kept_inputs(target: Target, path: Path) -> None:
    """What each target claims holds for each of its inputs, and none of them takes more than some plain loops."""
    data = path.read_bytes()
    assert not is_slow(lambda: target.check(data))


def test_each_corpus_has_its_target() -> None:
    """No folder is forgotten, and each target has an input to begin with."""
    assert {path.name for path in CORPUS.iterdir()} <= TARGETS.keys()
    assert all(list(target.kept()) for target in TARGETS.values())
