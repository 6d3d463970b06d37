"""Takes away what launchers and containers put before a line or around it, and keeps the rank that it names."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from stoker.logs.lines import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

_RANK = re.compile(
    r"\s*(?:"
    r"\[(?:default|rank|Rank|RANK)[ :]{0,2}(?P<bracket>\d{1,6})\]:?\s?"  # [rank3]: [default0]: [Rank 0] [rank: 0]
    # mpirun --tag-output, Horovod, SageMaker:  [1,3]<stdout>: text   [1,mpirank:3,algo-1]<stdout>:text
    r"|\[\d{1,6},(?:mpirank:)?(?P<mpi>\d{1,6})(?:,[\w.\-]{1,60})?\]<std(?:out|err|diag)>: ?"
    # Slurm's srun --label:  7: text; Megatron's own lines begin with a blank, Darknet's and CatBoost's with the iteration
    r"|(?P<slurm>\d{1,5}): (?=[ \t]{0,120}\S)(?! *(?:[\d.]+, [\d.]+ avg|learn: |test: ))"
    r")"
)
_OTHER = re.compile(
    r"\s*(?:"
    # vLLM and Ray: (EngineCore_0 pid=12) (APIServer pid=1) (RayTrainWorker pid=9, ip=10.0.0.2) (Worker_TP0 pid=7)
    r"\([A-Za-z_][\w:.\-]{0,60}(?: [\w:.\-]{1,40})? pid=\d+[^()]{0,60}\)\s?"
    r"|[a-z][\w.-]{0,60}-\d+\s+\| "  # docker compose:  svc-1  | text
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) [FP] "  # Kubernetes CRI
    # docker logs -t, kubectl logs --timestamps, systemd's cat:  2026-01-23T06:33:37.123456789Z text
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d) "
    # journal:  Jan 23 06:33:37 host unit[12]: text   févr. 21 08:55:27 host unit[12]: text   2月 21 08:55:27 host unit[12]: text
    # but no message behind a time:  Nov 22 19:18:15 step 0: text   Nov 22 19:18:15 train loss: 2.3
    r"|(?:[^\W\d_]{3,5}\.?|\d{1,2}[月월]) [ \d]\d \d\d:\d\d:\d\d (?!(?:[Tt]rain(?:ing)?|[Vv]al(?:id(?:ation)?)?|[Ee]val(?:uation)?|[Tt]est|[Ee]poch|[Ss]tep|[Ii]ter(?:ation)?) [\w.\-/@]+: )"
    r"[\w.\-]+ (?!kernel)(?=\d{0,9}[A-Za-z_])[\w.\-/@]+(?:\[\d+\])?: "
    # journalctl -o short-iso, rsyslog:  2026-01-23T06:33:37+0100 host unit[12]: text
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d) [\w.\-]+ (?!kernel)[\w.\-/@]+\[\d+\]: "
    # aws logs tail:  2026-01-23T06:33:37.123000+00:00 trainer/main/9f3c2d text
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00 [\w.\-]+(?:/[\w.\-]+){1,6} "
    r"|\[pod/[\w.\-]+/[\w.\-]+\] "  # kubectl logs --prefix
    r"|\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}: "  # pdsh, DeepSpeed over many nodes:  10.0.0.4: text
    r")"
)
# what any of these may begin with
_WRAPPED = re.compile(
    r"\[(?:[drRp]|\d{1,6},)|[( ]|[^\x00-\x7f]|\d{1,5}: |\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}: |\d{4}-\d\d-\d\dT"
    r"|[A-Za-z]{3,5}\.? [ \d]\d \d\d:|[A-Za-z]{1,3}[^\x00-\x7f]|\d{1,2}[月월] |[a-z][\w.-]{0,60}-\d+\s+\| "
).match
# 11/22/2026 19:18:15 - INFO - __main__ - [RANK 0] text;  [2026-11-22 19:22:12,337][rank1][train][INFO] text
# [Rank 3/8] step 20   rank=3 step=20   Rank 3: Epoch 1
_INSIDE = re.compile(
    r"[\[(](?:RANK|Rank|rank)[ :=]{0,2}(?P<rank>\d{1,6})(?:/\d{1,6})?[\])]"
    r"|^ {0,8}(?:RANK|Rank|rank)[ :=]{1,2}(?P<first>\d{1,6})(?:/\d{1,6})?(?: ?[:|,;\-])? {1,4}(?=(?:[Gg]lobal )?(?:[Ss]tep|[Ee]poch|[Ii]ter)|STEP|EPOCH|ITER)"
)
_WITHIN = 120
# a JSON line of a rank:  {"rank": 3, "step": 20}
_FIELD = re.compile(r'"(?:global_)?rank": ?"?(?P<rank>\d{1,6})"?[,}]')
_DATED = re.compile(r"20[23]\d-\d\d-\d\d[ T]\d\d:|[0-9](?:[Ss]tep|[Ii]ter|[Ee]poch)")
_GLUED = re.compile(
    r"(?<=[^\s\[\]\"'])(?=\[rank ?\d{1,6}\]:? )"  # ... | tok/s 757971[rank 1] step 20/100 | loss 0.2
    r"|(?<=[^\s(\[\"'=])(?=\([A-Za-z_][^()]{0,80} pid=\d)"  # ... 200 OK(APIServer pid=1) INFO: ...
    r"|(?<=[0-9%s}])(?=20[23]\d-\d\d-\d\d[ T]\d\d:\d\d:\d\d)"  # ... step 1 loss 2.02026-11-22 19:18:15,123 - INFO - step 2 loss 1.9
    r"|(?<=[0-9])(?=(?:[Ss]tep|[Ii]ter(?:ation)?|[Ee]poch)[ :=#\[]{1,3}[0-9])"  # step 1 loss 2.31step 1 loss 2.28
)
#  67%|██████▋   | 8/12 [00:00<00:00, 252.12it/s, loss=0.07]11/22/2026 19:18:15 - INFO - text
_AFTER_BAR = re.compile(r"(?<=\])\s*(?=\[?\d{2,4}[/-]\d\d[/-]\d{2,4}[ T]\d\d:\d\d)")
_MESSAGES = ("log", "message", "msg", "event", "text", "MESSAGE", "textPayload", "@message", "@m", "line")
_DATA = frozenset(
    {"prompt", "role", "messages", "conversations", "completion", "completions", "instruction", "response"}
)
"""Keys of a conversation or a training example, whose texts are anybody's."""
_LOGGED = frozenset({"level", "levelname", "severity", "record", "logger", "time", "timestamp", "ts", "@timestamp"})
"""Keys of a log's record, of which one stands beside a message that is called text."""
_FAILURES = ("error", "err", "exception", "exc_info", "stack", "traceback")
# time=2026-01-23T06:33:37Z level=ERROR msg="text with \"quotes\"" error="text"
_LOGFMT = re.compile(r"^[\w.]+=\S+ ")
_LOGFMT_TEXT = re.compile(r'(?<=\s)(?:msg|message|err|error)="((?:[^"\\]|\\.)*)"')


def unwrap(text: str) -> tuple[str, str]:
    """(rank, the line without prefixes); the rank is empty where none is named."""
    rank = ""
    if _WRAPPED(text):
        text = text.removeprefix("\ufeff")  # with which files of Windows begin
        for _ in range(5):  # a container's prefix, a launcher's, a rank's
            match = _RANK.match(text)
            if match is not None:
                rank = rank or match["bracket"] or match["mpi"] or match["slurm"] or ""
            else:
                match = _OTHER.match(text)
                if match is None:
                    break
            text = text[match.end() :]
            if not _WRAPPED(text):
                break
    if not rank and ("ank" in text or "ANK" in text) and (inside := _INSIDE.search(text, 0, _WITHIN)) is not None:
        rank = inside["rank"] or inside["first"]
    if not rank and text.startswith("{") and 'rank":' in text and (field := _FIELD.search(text)) is not None:
        rank = field["rank"]
    return (str(int(rank)) if rank else ""), text


def unglue(text: str) -> list[str] | None:
    """The records of a line onto which two ranks or processes, or a progress bar and a logger, wrote without a line end between them.

    None for the usual line, which is one record. A bar comes last: its postfix only says again what the logger says better.
    """
    if text.startswith('{"'):
        return None  # a record, whose message is looked at by itself
    # most lines that come here are a bar's: the whole expression costs more than what its alternatives need
    if text.find("[rank", 1) > 0 or " pid=" in text or _DATED.search(text, 1) is not None:
        parts = _GLUED.split(text)
        if len(parts) > 1:
            return parts
    if "it/s" in text or "s/it" in text:
        bar = min(place for place in (text.find("it/s"), text.find("s/it")) if place >= 0)
        end = _AFTER_BAR.search(text, bar)  # and not behind what a container's prefix puts in brackets
        return [text[end.end() :], text[: end.start()]] if end is not None else None
    return None


def messages(text: str) -> Iterator[str]:
    """The lines inside the message of a JSON line (Docker's, or an application's own) or a logfmt line; nothing for other lines."""
    bare = text.strip()
    if not (bare.startswith("{") and bare.endswith("}")):
        if '="' in bare and _LOGFMT.match(bare) is not None:
            yield from (match[1].replace('\\"', '"') for match in _LOGFMT_TEXT.finditer(bare))
        return
    try:
        record = json.loads(bare)
    except (ValueError, RecursionError):
        return
    if not isinstance(record, dict) or not _DATA.isdisjoint(record):
        return
    message = next((key for key in _MESSAGES if isinstance(record.get(key), str)), "")
    if ("text" in record or message == "line") and _LOGGED.isdisjoint(record):
        return  # a line of a data set
    for key in (message, *_FAILURES):
        value = record.get(key)
        if isinstance(value, str):
            yield from (plain(line) for line in re.split(r"[\r\n\b]+", value) if line.strip())
