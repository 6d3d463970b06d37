"""From what was guessed of a template to its patterns in a format."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stoker.logs.keys import bare, keys_regex
from stoker.logs.learn_guess import CHECKPOINT, EVENT, place_of
from stoker.logs.learn_masks import ANY, MASKS, Mask
from stoker.logs.learn_names import slug
from stoker.logs.learn_regex import regex, span
from stoker.logs.learn_words import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stoker.logs.learn import Template
    from stoker.logs.learn_guess import Guess, Learned
    from stoker.logs.learn_states import State

_TOLD = 7
"""Fixed words to which the expression of an event holds."""


def add_patterns(each: Learned, events: str) -> None:
    """Give a template its patterns.

    Args:
        each: the template.
        events: the counter of events.
    """
    plain: dict[str, Guess] = {}
    labelled: list[Guess] = []
    for guess in each.guesses:
        if guess.labels:
            labelled.append(guess)
        elif guess.metric in plain:
            guess.metric = ""  # said twice in a line: the first is it
        elif guess.metric:
            plain[guess.metric] = guess
    by_key = [guess for guess in labelled if _keyed(each, guess)] if not each.event else []
    if plain or each.event or by_key or each.state:
        first = _pattern(each, events, list(plain.values()), by_key)
        each.patterns.append(first)
    each.patterns += [_pattern(each, events, [guess], []) for guess in labelled if guess not in by_key]


def add_reader(each: Learned) -> None:
    """Give a table what the reader of CSV needs."""
    table = each.table
    assert table is not None
    taken: set[tuple[str, ...]] = set()
    wanted: list[Guess] = []
    for guess in each.guesses:
        what = (guess.metric, *guess.labels.values())
        if what in taken:
            guess.metric = ""  # two columns of one metric: the first is it
        elif guess.metric:
            taken.add(what)
            wanted.append(guess)
    if not wanted:
        return
    own = any(not guess.metric.startswith("stoker_") for guess in wanted)
    labels = {label: column for label, column in table.labels().items() if own or label == "rank"}
    units = {guess.number.key: guess.number.unit for guess in wanted if guess.number.unit not in ("", "W", "C", "J")}
    columns = [guess.number.key for guess in wanted]
    totals = [guess.number.key for guess in wanted if guess.op == "total"]
    each.reader.update(
        reader="csv",
        keys={guess.number.key: guess.metric for guess in wanted},
        **({"total": totals} if totals else {}),
        **({"units": units} if units else {}),
        **({"labels": labels} if labels else {}),
        sample=table.sample(columns),
    )


def _pattern(each: Learned, events: str, guesses: list[Guess], by_key: list[Guess]) -> dict[str, Any]:
    """A pattern that reads `guesses` by their place and `by_key` by their keys; the first of a template tells of its event."""
    template = each.template
    named: dict[tuple[int, int], tuple[str, str]] = {}
    groups: dict[int, str] = {}
    for guess in guesses:
        group = _group(guess.number.name, {name for name, _ in named.values()})
        named[guess.number.place] = (group, guess.number.unit)
        groups[id(guess)] = group
    labels: dict[str, str] = {}
    samples = (template.last,) if each.patterns else (template.sample, template.last)
    made: dict[str, Any] = {"sample": list(dict.fromkeys(samples)), "regex": ""}
    event = "" if each.patterns else each.event
    for guess in guesses:
        group = groups[id(guess)]
        if guess.op == "inc":
            made.setdefault("inc", {})[guess.metric] = 1
            labels["code"] = f"{{{group}}}"
        else:
            made.setdefault(guess.op, {})[guess.metric] = group
            if guess.number.unit and guess.number.unit not in ("W", "C", "J"):
                made.setdefault("units", {})[group] = guess.number.unit
        labels |= guess.labels
    if {"stoker_serve_requests_total", "stoker_serve_request_seconds"} & {guess.metric for guess in guesses}:
        labels |= _request(template, named)
    if by_key:
        made["keys"] = {guess.number.key: guess.metric for guess in by_key}
        made.setdefault("units", {}).update({g.number.key: g.number.unit for g in by_key if g.number.unit})
    if event == CHECKPOINT:
        made.setdefault("inc", {})["stoker_train_checkpoints_total"] = 1
    elif event:
        made.setdefault("inc", {})[events] = 1
        labels["event"] = event
    if each.state is not None and not each.patterns:
        labels |= _state(each.state[0], named)
        made.setdefault("inc", {})[each.state[1]] = 1
    begin, end = _span(each, named)
    made["regex"] = regex(template, begin, end, named)
    if labels:
        made["labels"] = labels
    if units := made.pop("units", {}):
        made["units"] = units  # last, as people write it
    return made


def _span(each: Learned, named: Mapping[tuple[int, int], tuple[str, str]]) -> tuple[int, int]:
    """The words that an expression holds to: from those that name the first number of the template to the last that is wanted."""
    template = each.template
    wanted = [guess.number.place[0] for guess in each.guesses if guess.metric]
    wanted += [each.state[0].place] if each.state is not None else []
    if not wanted:
        return _told(template)
    if not template.has_words:
        return 0, len(template.words) - 1
    places = [place for place, _ in named]
    begin, end = span(template, min(wanted + places), max(places, default=min(wanted)))
    # the word behind says what was counted, or how long it took
    behind = end + 1 < len(template.words) and template.words[end].text[-1] in MASKS
    end += behind and re.fullmatch(r"[A-Za-z/%]+", template.words[end + 1].text) is not None
    if each.event:
        first, last = _told(template)
        begin, end = min(begin, first), max(end, last)
    return begin, end


def _keyed(each: Learned, guess: Guess) -> bool:
    """Whether the number is the only one behind its key, so that it can be read by that alone; the label is then the key's."""
    key = guess.number.key
    text = str(each.template).replace("#", "1")
    if not key or guess.number.unit or len(keys_regex({key: 1}).findall(text)) != 1:
        return False
    ((label, value),) = guess.labels.items()
    if slug(bare(key)) != value:
        return False
    guess.labels[label] = bare(key)
    return True


def _told(template: Template) -> tuple[int, int]:
    """The words of an event: from its level, or what is told, to the last of a few fixed words."""
    fixed = [
        place
        for place, word in enumerate(template.words)
        if re.search("[A-Za-z]{2}", re.sub(f"[{MASKS}{ANY}]", "", word.text))
    ]
    level = next((place for place in fixed[:4] if template.words[place].text.strip("[](){}:-|,") in LEVELS), None)
    told = next((place for place in fixed if EVENT.search(template.words[place].text)), None)
    begin = level if level is not None else min(fixed[0], told) if told is not None else fixed[0]
    ahead = [place for place in fixed if place >= begin]
    last = ahead[min(len(ahead), _TOLD) - 1]
    return begin, max(last, told or 0)


def _state(state: State, named: dict[tuple[int, int], tuple[str, str]]) -> dict[str, str]:
    group = _group(state.label, {name for name, _ in named.values()})
    named[state.place, 0] = (group, "")
    return {state.label: f"{{{group}}}"}


def _request(template: Template, named: dict[tuple[int, int], tuple[str, str]]) -> dict[str, str]:
    labels = {"method": "", "route": ""}
    method, path = place_of(template, Mask.METHOD), place_of(template, Mask.PATH)
    if method is not None:
        named[method] = ("method", "")
        labels["method"] = "{method}"
    if path is not None:
        named[path] = ("path", "")
        labels["route"] = "{route:path}"
    return labels


def _group(name: str, taken: set[str]) -> str:
    stem = re.sub(r"\W", "_", name) or "value"
    stem = (
        f"n_{stem}"
        if stem[0].isdigit() or stem in ("rank", "of", "epoch0", "epoch1", "detail", "key", "value")
        else stem
    )
    found, more = stem, 2
    while found in taken:
        found, more = f"{stem}_{more}", more + 1
    return found
