"""What hostile lines cost: for each pattern and reader of the shipped formats the worst of many lines made to make it try again and again.

A line is the beginning of a sample, cut at a word, and then one piece over and over: the pattern's own words, digits, blanks,
quotes, brackets, pairs. Each is tried at an eighth of the longest line first, so that only those are tried whole that grow faster
than their length. Prints the worst ten in milliseconds of processor time; more than 50 a line is a fault of the pattern.

    python -m bench.hostile
"""

from __future__ import annotations

import argparse
import re
import re._constants as codes
import re._parser as parser
import signal
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from stoker.catalog import catalog
from stoker.documents import Problems
from stoker.logs import incidents, quoting, unwrap
from stoker.logs.formats import compile_formats
from stoker.logs.lines import Line
from stoker.logs.literals import FAR
from stoker.logs.readers import READERS
from stoker.spec.pack import load_pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stoker.spec.pack import Pack

LENGTH = 65536
HEADS_MOST = 50
"""Beginnings that are tried of one way."""
BOUND = 0.050
"""Seconds of a line that are too many."""
_SHARE = 8
_SUSPECT = BOUND / _SHARE**2
_GIVE_UP = 1.0
PIECES = (
    "0", "1,", "12:", "1.5 ", "0_", " ", "\t", "  a", "a", "A_", "a.", "a/", "-", "=", "*", "|", "| ", "│", "━", "'", '"', "' ", '" ',
    "'a': 1, ", '"a":1,', "{'", '{"', "{'a': 1}", "[", "]", "[0]", "] ", "(", ")", ":", ": ", ",", ", ", "a=1 ", "a: 1 ", "a: 1, ",
    "a:", "loss: 1 ", "loss=0.5, ", "step 1 ", "step: ", "epoch: 1 ", "Epoch 1 ", "1/2 ", "100%|", "10%", "1s ", "it/s", "{", "}",
    "\\", '\\"', "x\\n", "é", "\u0660", "a-b:1 ", "1h", "https://", "GET / ", "[rank1]: ",
)  # fmt: skip


class Cost(NamedTuple):
    """Seconds that a line took, and what took them."""

    seconds: float
    name: str
    line: str


class Way(NamedTuple):
    """Something that reads lines: its name, how to make it anew, samples of its lines, words of its own."""

    name: str
    make: Callable[[], Callable[[str], object]]
    samples: tuple[str, ...]
    words: tuple[str, ...]


def ways(pack: Pack) -> Iterator[Way]:
    """All patterns and readers of the shipped formats, and what every line goes through."""
    yield Way("unwrap", lambda: unwrap.unwrap, (), ("[rank1]: ", "1: ", "svc-1 | ", "(a pid=1) ", "[pod/a/b] "))
    yield Way("unglue", lambda: unwrap.unglue, ("x[rank1] ", "it/s]"), ("[rank1] ", "]  ", "it/s] 2026-01-01"))
    yield Way(
        "messages", lambda: lambda text: list(unwrap.messages(text)), ('{"a": 1', 'a=b msg="'), ('"', ' msg="a" ')
    )
    yield Way("quoted", lambda: lambda text: quoting.quoted(text, len(text)), (), ("'a' ", '"a" ', ' "', " '"))
    words = ("NCCL ", "ProcessGroupNCCL ", "HCCL", "RCCL ", "allocate ", "error")
    yield Way("kind_of", lambda: incidents.kind_of, (), words)
    yield Way("detail_of", lambda: lambda text: incidents.detail_of("oom", text), (), words)
    compiled = compile_formats(pack.formats, "auto", catalog(pack.metrics), Problems())
    for each in compiled.formats:
        samples = tuple(
            dict.fromkeys(text for one in pack.formats[each.name].patterns for text in _samples(one.sample))
        )
        if each.when is not None:
            yield Way(
                f"{each.name} when",
                _near(each.when),
                samples,
                tuple(words_of(each.when.pattern)),
            )
        if each.reader:
            reader, keys = READERS[each.reader], each.keys

            def made(reader: Any = reader, keys: Any = keys) -> Callable[[str], object]:  # noqa: ANN401
                one = reader(keys)
                for head in HEADS:
                    read(one, head)
                return partial(read, one)

            yield Way(f"{each.name} reader", made, (*samples, *reader.literals), reader.literals)
            yield Way(f"{each.name} reader anew", _anew(reader, keys), (*samples, *reader.literals), reader.literals)
        for number, pattern in enumerate(each.patterns):
            own = _samples(pack.formats[each.name].patterns[number].sample)
            own = tuple(dict.fromkeys(text for one in own for text in (one, unwrap.unwrap(one)[1])))
            found = tuple(words_of(pattern.regex.pattern))
            yield Way(f"{each.name} pattern {number}", _same(pattern.find), own, found)
            if pattern.keys_regex is not None:
                by_key = tuple(f"{key}: " for key in pattern.keys)[:12]
                yield Way(f"{each.name} keys {number}", _keys(pattern.keys_regex), own, (*by_key, "loss: 1", "loss ="))


HEADS = (
    "step,epoch,loss",
    "Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size",
    "epoch     train_loss  valid_loss  accuracy  time",
    "Traceback (most recent call last):",
    '  File "a.py", line 1, in <module>',
    "Class     Images  Instances      Box(P          R      mAP50  mAP50-95)",
    "***** train metrics *****",
    "=" * 60,
)
"""Lines after which a reader takes what follows for its own."""


def read(reader: Any, text: str) -> object:  # noqa: ANN401 - any reader
    """What a reader says; numbers that are none are no matter here."""
    try:
        return reader.read(Line(1, text), text, "")
    except ValueError:
        return None


def _same(find: Callable[[str], object]) -> Callable[[], Callable[[str], object]]:
    return lambda: find


def _near(regex: re.Pattern[str]) -> Callable[[], Callable[[str], object]]:
    return lambda: lambda text: regex.search(text, 0, FAR)


def _anew(reader: Any, keys: Any) -> Callable[[], Callable[[str], object]]:  # noqa: ANN401 - any reader
    return lambda: lambda text: read(reader(keys), text)


def _keys(regex: re.Pattern[str]) -> Callable[[], Callable[[str], object]]:
    return lambda: lambda text: sum(1 for _ in regex.finditer(text))


def _samples(sample: object) -> tuple[str, ...]:
    return tuple(map(str, sample)) if isinstance(sample, tuple) else (str(sample),)


def words_of(regex: str) -> Iterator[str]:
    """The fixed texts of an expression."""
    run = ""
    for code, argument in _flat(parser.parse(regex)):
        if code is codes.LITERAL:
            run += chr(argument)
        elif run:
            yield run
            run = ""
    if run:
        yield run


def _flat(tree: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - the parser's own type
    for code, argument in tree:
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            yield from _flat(argument[2])
            yield code, None
        elif code is codes.SUBPATTERN:
            yield from _flat(argument[3])
        elif code is codes.ATOMIC_GROUP:
            yield from _flat(argument)
        elif code is codes.BRANCH:
            for branch in argument[1]:
                yield code, None
                yield from _flat(branch)
        else:
            yield code, argument


class Recipe(NamedTuple):
    """A hostile line of any length: a beginning, a piece over and over, an end."""

    head: str
    piece: str
    end: str = ""

    def line(self, length: int) -> str:
        """So many characters of it."""
        room = max(0, length - len(self.head) - len(self.end))
        return self.head + (self.piece * (room // len(self.piece) + 1))[:room] + self.end


def recipes(way: Way) -> Iterator[Recipe]:
    """Hostile lines for something that reads lines."""
    pieces = dict.fromkeys([*PIECES, *(word for each in way.words for word in (each, f"{each}1", f"{each} "))])
    for piece in pieces:
        for end in ("", "\x00", *way.samples[:1]):
            yield Recipe("", piece, end)
    heads = list(dict.fromkeys(text[:cut] for text in way.samples for cut in _cuts(text)))
    for head in heads[:: len(heads) // HEADS_MOST + 1]:
        for piece in pieces:
            yield Recipe(head, piece)


def _cuts(text: str) -> list[int]:
    found = [match.end() for match in re.finditer(r"\w+|\W", text)]
    return found[:: max(1, len(found) // 40)] + found[-1:]


def cost(way: Way) -> Cost:
    """The worst line of a way at full length, of those that grow faster than their length."""
    worst = Cost(0.0, way.name, "")
    for recipe in recipes(way):
        if _time(way, recipe.line(LENGTH // _SHARE)) < _SUSPECT:
            continue
        line = recipe.line(LENGTH)
        took = _time(way, line)
        if took > worst.seconds:
            worst = Cost(min(took, _time(way, line)), way.name, line)
        if took >= _GIVE_UP:
            break
    return worst


def _time(way: Way, line: str) -> float:
    reads = way.make()
    begun = time.process_time()
    signal.setitimer(signal.ITIMER_VIRTUAL, _GIVE_UP)
    try:
        reads(line)
    except TimeoutError:
        return _GIVE_UP
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return time.process_time() - begun


def _late(*_: object) -> None:
    raise TimeoutError


def shown(line: str) -> str:
    """The beginning and the end of a line."""
    return repr(line if len(line) < 100 else f"{line[:70]} … {line[-24:]}")


def main() -> int:
    """Print the worst; 1 when one is above the bound."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--only", default="", help="names of ways that contain this text")
    arguments.add_argument("--show", type=int, default=10, help="how many are shown (default: 10)")
    arguments.add_argument("--parts", type=int, default=1, help="leave all but one part in so many out (default: 1)")
    arguments.add_argument("--part", type=int, default=0, help="the part, from 0 (default: 0)")
    given = arguments.parse_args()
    signal.signal(signal.SIGVTALRM, _late)
    found: list[Cost] = []
    for number, way in enumerate(ways(load_pack(alerts=False))):
        if given.only in way.name and number % given.parts == given.part:
            found.append(cost(way))
            if found[-1].seconds > BOUND:
                print(f"{found[-1].seconds * 1e3:12.1f} ms  {way.name:36} {shown(found[-1].line)}", flush=True)
    found.sort(reverse=True)
    print(f"the worst of {len(found)}:")
    for each in found[: given.show]:
        print(f"{each.seconds * 1e3:12.1f} ms  {each.name:36} {shown(each.line)}")
    return 1 if found and found[0].seconds > BOUND else 0


if __name__ == "__main__":
    sys.exit(main())
