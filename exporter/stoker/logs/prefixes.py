"""Finds where a logger's own words end and the message begins: time, level, name, thread, file and line, in any usual order.

What a logger prints there is not told apart from the first words of a message in every case (`step: 10` after a time may be a name
and a message, or a message), so that all the places are given at which the message may begin, the first one first.
"""

from __future__ import annotations

import re

_CLOCK = r"\d{1,2}:\d\d:\d\d(?:[.,:]\d{1,9})?(?: ?[AP]M)?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|CET|[+-]\d\d:?\d\d)\b)?"
_DATE = r"(?:\d{4}[-/.]\d\d[-/.]\d\d|\d\d[-/.]\d\d[-/.](?:\d{4}|\d\d)|\d\d/\d\d/\d\d|\d\d[-/]\d\d|\d{1,2} [A-Z][a-z]{2} \d{4}|[A-Z][a-z]{2} [ \d]?\d(?:,? \d{4})?)"
_TIME = rf"(?:{_DATE}(?:[T_]|, ?| ?- ?|:? )?)?{_CLOCK}{_ZONE}"
_LEVEL = (
    r"(?:TRACE|DEBUG|INFO|NOTICE|SUCCESS|WARN|WARNING|ERROR|CRITICAL|FATAL|SEVERE"
    r"|trace|debug|info|notice|success|warn|warning|error|critical|fatal|Info|Warning|Error)"
)
_NAME = r"[A-Za-z_<][\w.$<>/\-]{0,79}"
_PLACE = rf"{_NAME}(?::[\w<>.]{{1,60}})?(?::\d{{1,6}})?"
_BETWEEN = r"[ \t]*(?:[|:\->,;][ \t]+|:(?=\S))?[ \t]*"

# what a prefix may begin with
_FIRST = re.compile(
    r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d [A-Z]{4,5} [A-Z]\w{1,60}: "  # Spark:  26/11/22 19:18:15 INFO Trainer:
    rf"|[ \t]*(?:[\[(]{_TIME}[\])]|{_TIME}(?=[\s|,;:\-\]]))"  # 2026-11-22 19:18:15,123   [19:18:15]   11/22/2026 19:18:15
    rf"{_BETWEEN}"
    rf"|[ \t]*(?:\[ ?{_LEVEL} *\]|\({_LEVEL}\)|<{_LEVEL}>|{_LEVEL}(?=:|[ \t]+[|\[\-]|[ \t]+{_TIME})){_BETWEEN}"  # [INFO]   INFO:
    r"|[IWEFD](?:\d{4}|\d{8}) \d\d:\d\d:\d\d(?:\.\d{1,9})? +\d+ [\w./\-]{1,80}:\d+\] "  # glog:  I1122 19:18:15.123456 140735 train.py:42]
    r"|\[[\w.\-]{1,40}\] (?=\[?\d{4}-\d\d-\d\d)"  # [titan] 2026-11-22 19:18:15,123
    rf"|\[{_TIME}: {_LEVEL}/[\w\-]{{1,60}}\] "  # Celery:  [2026-11-22 19:18:15,123: INFO/ForkPoolWorker-1]
    r"|\d{1,7}\.\d{1,6}s[ \t]+\d{1,7}[ \t]+"  # Kaggle:  12.3s  42
    r"|[a-z][\w.\-]{0,60} {2,}\| "  # docker compose, of a service with a name of its own:  trainer  |
    r"|[a-z][a-z0-9]{0,30}(?:[.\-][a-z0-9]{1,30}){0,5}(?<=\d)(?:\.[a-z0-9.\-]{1,60})?: "  # pdsh:  node17:  worker-1.cluster:
)
# words in front of numbers that say what these are: part of the message, never of the prefix
_TELLS = r"(?![\[({]? ?(?:(?i:eval|val|valid|validation|test|dev|epoch|ep|step|iter|iteration|batch)(?![\w.])|\d+ ?/))"
# what may follow
_MORE = re.compile(
    rf"{_TELLS}(?:"
    r"(?<=[A-Z]:)[A-Za-z_][\w.]{0,80}:"  # logging.basicConfig:  INFO:root:
    rf"|(?:\[ ?{_LEVEL} *\]|\({_LEVEL}\)|{_LEVEL}(?=[\s:|\-/])(?:/[\w\-]{{1,60}})?){_BETWEEN}"
    rf"|\[?{_TIME}\]?(?=[\s|,;:\-\[]){_BETWEEN}"
    rf"|\[[\w.$:/ ,@#\-<>]{{1,80}}\]{_BETWEEN}"  # [__main__]   [main]   [PID 12]   [loggers.py:259]
    rf"|\{{[\w./\-]{{1,80}}:\d+\}}{_BETWEEN}"  # Airflow:  {logging_mixin.py:188}
    rf"|\([\w.$:/ ,@#\-]{{1,80}}\){_BETWEEN}"  # (MainThread)
    rf"|{_PLACE}[ \t]+[|\-][ \t]+"  # trainer.loop -   __main__:train:42 -
    r"|(?:[A-Za-z_][\w$\-]{0,40}\.[\w.$\-]{1,80}(?::\d{1,6})?|[A-Za-z_][\w$\-]{0,40}:\d{1,6})(?::| >)[ \t]+"  # o.a.Train:   train.py:42:
    r"|\d{1,7}(?:[ \t]+(?:[|\-]|---)[ \t]+|[ \t]+(?=\[))"  # a process:  12345 -
    r")"
)
# Rich:  message      train.py:42
_BEHIND = re.compile(r"[ \t]{2,}[\w./\-]{1,80}\.py:\d{1,6}[ \t]*$")
_MOST = 8
"""Parts that a prefix may have."""


def bare(text: str) -> list[str]:
    """The messages that the line may hold behind a prefix, the longest first; nothing for a line without a prefix."""
    match = _FIRST.match(text)
    if match is None:
        return []
    end = len(text)
    if text.rstrip()[-1:].isdigit() and (behind := _BEHIND.search(text, max(match.end(), end - 120))) is not None:
        end = behind.start()
    found = [text[match.end() : end]]
    while len(found) < _MOST and (match := _MORE.match(text, match.end())) is not None and match.end() < end:
        found.append(text[match.end() : end])
    return found
