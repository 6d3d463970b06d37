"""The log format of the how-to, and one mistake after the other in it: each is one line with its place and what would be right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from packs import pack_of
from stoker.documents import Problems
from stoker.logs.formats import compile_formats
from stoker.logs.interpreter import Interpreter

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-log-format.md"
blocks = re.findall(r"^```yaml\npack:\n(.*?)^```$", HOW_TO.read_text(), re.MULTILINE | re.DOTALL)
FORMAT = "".join(line[2:] for line in blocks[0].splitlines(keepends=True))


def says(text: str) -> list[str]:
    _, problems = pack_of(text)
    return [str(problem) for problem in problems]


TABLE = """
metrics:
  table_depth: {type: gauge, help: Depth, labels: [source, queue]}
formats:
  table:
    reader: csv
    keys: {depth: table_depth}
    labels: {queue: queue}
    sample: |
      time,queue,depth
      10:00:00,a,3
"""


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("time,queue,depth", "time,queue,dept", "sample: table: the reader csv finds no depth in the sample; write"),
        ("10:00:00,a,3", "10:00:00,a,b", "sample: table: the reader csv finds no depth in the sample; write"),
        (
            "{queue: queue}",
            "{}",
            "missing-label: table: table_depth has a label queue, and the format does not give it;",
        ),
        (
            "{queue: queue}",
            "{queu: queue}",
            "unknown-label: table: none of its metrics has the label queu; did you mean",
        ),
        ("reader: csv", "reader: cvs", "unknown-reader: table: there is no reader cvs; did you mean csv?"),
        ("reader: csv", "reader: dict", "labels: table: the reader dict reads no labels from columns; take them out"),
        ("reader: csv", "kind: data", "no-reader: table: keys of a format is for its reader, and it has none; give it"),
    ],
)
def test_a_format_with_a_reader_is_proved_by_its_sample(right: str, wrong: str, problem: str) -> None:
    assert not says(TABLE)
    assert any(problem in said for said in says(TABLE.replace(right, wrong)))


def test_the_format_of_the_how_to_is_right_and_reads_its_line() -> None:
    pack, problems = pack_of(FORMAT)
    assert not list(problems)
    formats = compile_formats(pack.formats, "auto", pack.catalog, Problems())
    interpreter = Interpreter(formats, line_length=1000, timezone=None, clock=lambda: 0.0)
    found = interpreter.feed(b"it=1,200 train_loss=4.3e-01 took=83ms\n")
    assert {each.metric: each.value for each in found} == {
        "stoker_train_step": 1200.0,
        "stoker_train_loss": 0.43,
        "stoker_train_step_seconds": 0.083,
    }


MISTAKES = {
    "a kind that is none": (
        "kind: training",
        "kind: trainng",
        "choice: kind is the text 'trainng'; did you mean training?",
    ),
    "a unit that is none": ("{took: ms}", "{took: msec}", "unknown-unit: ours: msec is no unit; did you mean ms?"),
    "a unit of nothing": (
        "{took: ms}",
        "{tok: ms}",
        "unknown-group: ours: tok is no group and no key; did you mean took?",
    ),
    "bounds of nothing": (
        "        units: {took: ms}",
        "        units: {took: ms}\n        bounds: {tok: [0, 1]}",
        "unknown-group: ours: there is no group tok; did you mean took?",
    ),
    "bounds that hold nothing": (
        "        units: {took: ms}",
        "        units: {took: ms}\n        bounds: {took: [2, 1]}",
        "bounds: ours: took has no least and greatest value; write it as [0, 2]",
    ),
    "a beginning without end": (
        "        units: {took: ms}",
        "        units: {took: ms}\n        begins: save",
        "pair: ours: save begins and nothing ends it; give the pattern of its end `ends: save`",
    ),
    "an end without beginning": (
        "        units: {took: ms}",
        "        units: {took: ms}\n        ends: save",
        "pair: ours: save ends and nothing begins it; give the pattern of its beginning `begins: save`",
    ),
    "a metric that is none": (
        "stoker_train_loss:",
        "stoker_train_los:",
        "unknown-metric: ours: stoker_train_los does not exist; did you mean stoker_train_loss?",
    ),
    "a group that is none": (
        "stoker_train_loss: loss",
        "stoker_train_loss: los",
        "unknown-group: ours: there is no group los; did you mean loss?",
    ),
    "no regular expression": (
        "(?P<loss>",
        "(?P<loss",
        "regex: ours: no regular expression: bad character in group name; correct it",
    ),
    "a word that is none": (
        "{number}) took",
        "{numbr}) took",
        "unknown-word: ours: there is no word {numbr}; did you mean number?",
    ),
    "a pattern of grok that is none": (
        "(?P<took>{number})",
        "%{NUMBR:took}",
        "unknown-word: ours: there is no grok pattern %{NUMBR}; did you mean NUMBER?",
    ),
    "a group that grok cannot name": (
        "{number}) took=(",
        "{number}) %{NUMBER:2nd}took=(",
        "unknown-word: ours: there is no grok pattern %{NUMBER:2nd}; did you mean NUMBER?",
    ),
    "a sample that does not match": (
        "it=120",
        "itt120",
        "sample: ours: the pattern does not read its own sample; correct the pattern or the sample",
    ),
    "a sample that `when` does not find": (
        "kind: training",
        "kind: training\n    when: nowhere",
        "sample: ours: `when` does not find the sample; correct `when` or the sample",
    ),
    "an expression without end": (
        "(?P<took>{number})",
        "(?P<took>(?:[0-9]+)+)",
        (
            "regex: ours: a repetition without bound stands around something that can be cut in several ways, which can take forever on a line;"
            " say what may stand there, `[^,]*`, or how much of it, `.{0,80}`"
        ),
    ),
    "a label that no metric has": (
        "units: {",
        "labels: {frobnicate: x}\n        units: {",
        (
            "unknown-label: ours: none of its metrics has the label frobnicate;"
            " its labels: pci_bus_id, rank, run, source, uuid"
        ),
    ),
    "a label from no group": (
        "units: {",
        "labels: {rank: 'r{rnk}'}\n        units: {",
        "unknown-group: ours: there is no group rnk; its groups: step, loss, took",
    ),
    "a time from no group": (
        "units: {",
        "time: lost\n        units: {",
        "unknown-group: ours: there is no group lost; did you mean loss?",
    ),
    "a time that nobody can read": (
        "units: {",
        "time: step\n        time_format: '%Q'\n        units: {",
        "time: ours: 'Q' is a bad directive in format '%Q'; write it as strptime reads it",
    ),
    "a kind of incident that is none": (
        "units: {",
        "incident: ooom\n        units: {",
        "unknown-kind: ours: ooom is no kind; did you mean oom?",
    ),
    "an empty key": (
        "units: {",
        "keys: {'': stoker_train_epoch}\n        units: {",
        "empty-key: ours: a key is empty; name what stands in the line",
    ),
    "a label that is not given": (
        "stoker_train_loss: loss",
        "stoker_train_eval: loss",
        (
            "missing-label: ours: stoker_train_eval has a label metric, and the pattern does not give it;"
            " labels: {metric: ...}"
        ),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(mistake: str) -> None:
    old, new, expected = MISTAKES[mistake]
    text = FORMAT.replace(old, new)
    assert text != FORMAT
    found = says(text)
    assert len(found) == 1, found
    assert re.fullmatch(r"stoker\.yaml:\d+:\d+: " + re.escape(expected), found[0]), found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "formats: {ours: {kind: training}}",
            "reads-nothing: ours: the format reads nothing; give it patterns",
        ),
        (
            "formats: {ours: {kind: training, patterns: [{sample: x 1, regex: 'x (?P<x>{int})', set: {stoker_train_loss: x}, beside: true}]}}",
            "reads-nothing: ours: the format reads nothing; let one of its patterns not be beside others",
        ),
        (
            "formats: {ours: {patterns: [{sample: a 1, regex: 'a (?P<x>{int})'}]}}",
            "measures-nothing: ours: the pattern measures nothing; give it set, inc, observe, keys",
        ),
        (
            "formats: {ours: {patterns: [{sample: x, regex: 'x*', inc: {stoker_train_checkpoints_total: 1}}]}}",
            "regex: ours: the pattern matches every line, an empty one, too; begin with a text that only such lines have",
        ),
        (
            "formats: {ours: {patterns: [{sample: loss abc, regex: 'loss (?P<x>\\w+)', set: {stoker_train_loss: x}}]}}",
            "sample: ours: group x is 'abc' in the sample, which is no number; let it match the number alone",
        ),
    ],
)
def test_a_format_that_cannot_be_meant_is_one_line(text: str, expected: str) -> None:
    found = says(text)
    assert len(found) == 1, found
    assert found[0].endswith(f": {expected}")


def test_a_label_may_be_text_and_groups() -> None:
    text = FORMAT.replace("units: {", "labels: {rank: '1{step}'}\n        units: {")
    pack, problems = pack_of(text)
    assert not list(problems)
    formats = compile_formats(pack.formats, ("ours",), pack.catalog, Problems())
    found = Interpreter(formats, line_length=1000, timezone=None, clock=lambda: 0.0).feed(
        b"it=2 train_loss=4.3e-01 took=83ms\n"
    )
    assert {dict(each.labels)["rank"] for each in found} == {"12"}
