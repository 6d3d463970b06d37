"""Feeds the log engine with bytes that atheris makes up, guided by what code they reach, until one breaks it or the time is over.

Each input is read as a log, cut at places that it names itself: the splitter has to give the same lines whatever the cuts, the
scanner the same observations as the way line by line, and a page made of them has to be one. What breaks is written to a file
`crash-…` in the present folder; give its name to read it again. Not part of the tests: the package is large and not needed else.

    pip install --target /tmp/atheris atheris
    PYTHONPATH=exporter:rules:tests:/tmp/atheris python -m bench.fuzz --seconds 600
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import FunctionType
from typing import Any

from prometheus_client.parser import text_string_to_metric_families as families

from followed import DESCS, PACK, WATCHES
from mutated import NAMES, check_log, check_readers, check_splitter
from sampled import FORMATS, NOW, read, whole_of
from stoker.config.settings import Limits, SourceSettings
from stoker.logs.identity import Identity
from stoker.logs.store import Store
from stoker.logs.store_stream import Stream
from stoker.server.exposition import Exposition

LONGEST = 4096
"""Bytes of an input."""
KINDS = {each.name: each.kind for each in FORMATS.formats}


def one(data: bytes) -> None:
    """Read one input in every way."""
    head, log = data[:4], data[4:]
    check_splitter(log, [each * 16 for each in head], 1 + head[0] if head else 64)
    check_log(log, 1 + (head[1] if len(head) > 1 else 64) * 8)
    check_readers(log.decode(errors="replace").splitlines())
    found, _ = read(log, by_line=False, size=1 << 20)
    errors: Counter[str] = Counter()
    store = Store(PACK.metrics, DESCS, Limits(), KINDS, WATCHES)
    store.apply(Stream(SourceSettings(name="s"), Identity("run", "", "service", ""), errors), found, NOW)
    assert not errors["unknown_metric"]
    samples = list(store.samples(NOW))
    page: Any = families(Exposition().render(samples).decode())
    assert sum(len(family.samples) for family in page) >= len(samples)


def main() -> None:
    """Fuzz; does not return."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=600, help="how long (default: 600)")
    parser.add_argument(
        "--corpus", type=Path, default=Path(tempfile.gettempdir()) / "stoker-corpus", help="kept inputs"
    )
    parser.add_argument("inputs", nargs="*", type=Path, help="read these files only")
    given = parser.parse_args()
    if given.inputs:
        for path in given.inputs:
            one(path.read_bytes())
        return
    atheris = importlib.import_module("atheris")
    given.corpus.mkdir(exist_ok=True)
    for name in NAMES:
        for number, line in enumerate(whole_of(name).split(b"\n")):
            (given.corpus / f"{name}-{number}").write_bytes(b"\x08\xff\x20\x40" + line[:LONGEST])
    arguments = [f"-max_total_time={given.seconds}", f"-max_len={LONGEST}", "-timeout=5", "-rss_limit_mb=2048"]
    for name, module in list(sys.modules.items()):
        if name.startswith("stoker.logs."):
            for place in (module, *(each for each in vars(module).values() if isinstance(each, type))):
                for key, function in list(vars(place).items()):
                    if isinstance(function, FunctionType) and function.__module__ == name:
                        setattr(place, key, atheris.instrument_func(function))
    atheris.Setup([sys.argv[0], *arguments, str(given.corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
