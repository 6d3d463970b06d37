"""Documents with positions in, deterministic documents out, and the user's mistakes as values."""

from stoker.documents.decode import At, decode, settable, setting
from stoker.documents.node import Mapping, Node, Scalar, Sequence
from stoker.documents.position import NOWHERE, Position, Text
from stoker.documents.problem import Problem, Problems, nearest
from stoker.documents.quantity import Duration, Size, duration_text, parse_duration, parse_size
from stoker.documents.yaml_in import read_yaml
from stoker.documents.yaml_out import write_json, write_yaml

__all__ = [
    "NOWHERE",
    "At",
    "Duration",
    "Mapping",
    "Node",
    "Position",
    "Problem",
    "Problems",
    "Scalar",
    "Sequence",
    "Size",
    "Text",
    "decode",
    "duration_text",
    "nearest",
    "parse_duration",
    "parse_size",
    "read_yaml",
    "settable",
    "setting",
    "write_json",
    "write_yaml",
]
