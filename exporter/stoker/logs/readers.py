"""Readers for what a single regular expression cannot take apart: dictionaries, tables, tracebacks, reports, kernel lines.

A reader is made anew for each stream and keeps what it has to know of the lines before. It takes a line and gives findings, or
None for a line that is not its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.logs.readers_access import AccessReader
from stoker.logs.readers_bar import KerasReader
from stoker.logs.readers_boosting import BoostingReader
from stoker.logs.readers_columns import ColumnsReader
from stoker.logs.readers_csv import CsvReader
from stoker.logs.readers_dict import DictReader, TrainerReader
from stoker.logs.readers_epochs import EpochsReader
from stoker.logs.readers_kernel import KernelReader
from stoker.logs.readers_kernel_errors import KernelErrorsReader
from stoker.logs.readers_requests import RayServeReader
from stoker.logs.readers_table import LightningReader
from stoker.logs.readers_torchrun import TorchrunReader
from stoker.logs.readers_traceback import TracebackReader
from stoker.logs.readers_ultralytics import UltralyticsReader

if TYPE_CHECKING:
    from stoker.logs.finding import Reader


READERS: dict[str, type[Reader]] = {
    "access": AccessReader,
    "boosting": BoostingReader,
    "columns": ColumnsReader,
    "csv": CsvReader,
    "dict": DictReader,
    "epochs": EpochsReader,
    "hf_trainer": TrainerReader,
    "keras": KerasReader,
    "kernel": KernelReader,
    "kernel_errors": KernelErrorsReader,
    "lightning": LightningReader,
    "ray_serve": RayServeReader,
    "torchrun": TorchrunReader,
    "traceback": TracebackReader,
    "ultralytics": UltralyticsReader,
}
"""A new reader is one class and one row here."""

OF_RECORDS = frozenset({"access", "dict", "hf_trainer", "ray_serve"})
"""Those that take a JSON record apart; the others look at the lines in its message."""
