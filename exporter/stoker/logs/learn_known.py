"""Which names that people print mean a metric that every Stoker knows, in a training program's log."""

from __future__ import annotations

import re

from stoker.logs.keys import bare

LOSS = "stoker_train_loss"
STEP = "stoker_train_step"
STEPS = "stoker_train_steps"
EVAL = "stoker_train_eval"
VALUE = "stoker_train_value"
_STEP = r"(?:global_)?(?:step|steps|iter|iters|iteration|iterations|it|itr|update|updates|num_updates)"
_TRAIN: tuple[tuple[str, str], ...] = (
    (r"(?:(?:train(?:ing)?|avg|average|mean|total|running|batch|step|tr)_)?loss|objective|nll", LOSS),
    (_STEP, STEP),
    (
        r"(?:total|max|num|planned)_(?:steps|iterations|iters|updates)|(?:step|iter|iteration|it|update)s?_planned",
        STEPS,
    ),
    (r"ep|epoch|epochs", "stoker_train_epoch"),
    (r"lr|learning_rate|learnrate", "stoker_train_learning_rate"),
    (r"g_?norm|grad_?norm|gradient_?norm|grad", "stoker_train_grad_norm"),
    (r"(?:loss|grad)_scale", "stoker_train_loss_scale"),
    (r"tok(?:ens?)?_per_s(?:ec(?:ond)?)?|tok(?:ens?)?_s(?:ec)?|tps", "stoker_train_tokens_per_second"),
    (
        r"(?:samples?|images?|imgs?|examples|seqs?|sequences)_(?:per_)?s(?:ec(?:ond)?)?|wps",
        "stoker_train_samples_per_second",
    ),
    (r"(?:steps?|its?|iters?|batches)_(?:per_)?s(?:ec(?:ond)?)?|ups", "stoker_train_steps_per_second"),
    (r"mfu", "stoker_train_mfu_ratio"),
    (r"(?:consumed_)samples|samples_seen", "stoker_train_consumed_samples"),
)
_SECONDS = re.compile(
    r"(?:step|iter|iteration|batch)(?:_time|_duration|_took)?|time_per_(?:step|iter\w*)|took|elapsed_per_step|dt"
)
_MEMORY = re.compile(
    r"(?:(?:max|peak|gpu|cuda|device)_)*(?:mem|memory|vram)(?:_(?:used|allocated|reserved|usage))?|vram"
)
_EVALUATED = re.compile(r"(?:val(?:id(?:ation)?)?|eval(?:uation)?|test|dev)_(?P<what>\w+)")
_QUALITY = re.compile(
    r"(?:top\d_?)?acc(?:uracy)?|f1(?:_score)?|auc|roc_auc|bleu|rouge\w*|ppl|perplexity|wer|cer|m?ap|miou|iou|em|exact_match|error|loss|precision|recall|psnr|ssim|fid|mse|mae|rmse"
)
_EVALUATION = re.compile(r"\b(?:val(?:id(?:ation)?)?|eval(?:uat\w+)?|test(?:ing)?|dev)\b", re.IGNORECASE)
_TELLING = frozenset({LOSS, "stoker_train_learning_rate", "stoker_train_grad_norm", "stoker_train_epoch", EVAL})


def trained(name: str, base: str, text: str, beside: frozenset[str] = frozenset()) -> tuple[str, str]:
    """(metric, the value of its label `metric` or `name`) of a number in a training program's log.

    Args:
        name: as `learn_names` gives it.
        base: its base unit.
        text: the template that it stands in, for words that say that it is an evaluation's.
        beside: the names of all numbers of the line: what took a while is a step where one is told.

    Returns:
        An empty metric for the steps of an evaluation, which are none of the training's.
    """
    if match := _EVALUATED.fullmatch(name):
        return EVAL, bare(match["what"])
    if _EVALUATION.search(text) and _QUALITY.fullmatch(name):
        return EVAL, name
    if base == "seconds":
        stepped = "step" in name or "iter" in name or any(re.fullmatch(_STEP, each) for each in beside)
        timed = stepped and _SECONDS.fullmatch(name)
        return ("stoker_train_step_seconds", "") if timed else (VALUE, f"{name}_seconds")
    if base == "bytes":
        return ("stoker_train_memory_bytes", "") if _MEMORY.fullmatch(name) else (VALUE, f"{name}_bytes")
    if name == "tflops" or base == "flops":
        return "stoker_train_flops", ""
    for regex, metric in _TRAIN:
        if re.fullmatch(regex, name):
            return ("" if metric in (STEP, STEPS) and _EVALUATION.search(text) else metric), ""
    return VALUE, name


def tells_training(metrics: set[str]) -> bool:
    """Whether the metrics of one template show that a training program wrote it: a loss, or two of its other numbers."""
    return LOSS in metrics or len(metrics & (_TELLING | {STEP})) > 1
