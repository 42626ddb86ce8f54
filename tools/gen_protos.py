"""Generate the Python code of the contracts into protos/src; `--check` only checks that it is up to date."""

import filecmp
import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent / "protos"
INCLUDE = Path(grpc_tools.__file__).parent / "_proto"
BIN = Path(sys.executable).parent


def generate(out: Path) -> None:
    """Write generated modules, stubs and package files below `out`."""
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "leadsync").rglob("*.proto"))
    outputs = [f"--{kind}_out={out}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    plugins = [f"--plugin=protoc-gen-{name}={BIN / f'protoc-gen-{name}'}" for name in ("mypy", "mypy_grpc")]
    if protoc.main(["protoc", f"-I{ROOT}", f"-I{INCLUDE}", *plugins, *outputs, *files]) != 0:
        raise SystemExit("protoc failed")
    for folder in [out / "leadsync", *(path.parent for path in (out / "leadsync").rglob("*_pb2.py"))]:
        for package in (folder, *folder.parents):  # every folder down from the root is a package
            if package == out:
                break
            (package / "__init__.py").touch()
    (out / "leadsync" / "py.typed").touch()


def main() -> None:
    """Generate, or compare with the committed code."""
    if "--check" not in sys.argv:
        generate(ROOT / "src")
        return
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        fresh = {path.relative_to(scratch) for path in Path(scratch).rglob("*") if path.is_file()}
        kept = {p.relative_to(ROOT / "src") for p in (ROOT / "src").rglob("*") if p.suffix in {".py", ".pyi", ".typed"}}
        _, differ, missing = filecmp.cmpfiles(scratch, ROOT / "src", [str(p) for p in fresh], shallow=False)
        stale = sorted({*differ, *missing, *(str(path) for path in kept - fresh)})
        if stale:
            raise SystemExit("generated code is stale, run `make gen`: " + ", ".join(stale))


if __name__ == "__main__":
    main()
