"""Which origin a source's settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.config.settings import KernelSettings
from stoker.logs.origin_files import Files
from stoker.logs.origin_found import Found
from stoker.logs.origin_ingest import Ingest
from stoker.logs.origin_journal import SystemJournal
from stoker.logs.origin_kafka import Topics
from stoker.logs.origin_kernel import Kernel
from stoker.logs.origin_stdin import Stdin
from stoker.logs.origin_syslog import Syslog
from stoker.sources.files import Follower
from stoker.sources.kernel import is_device

if TYPE_CHECKING:
    from collections import Counter

    from stoker.logs.finder import Finder
    from stoker.logs.origin import Intake, Origin


def origin_of(intake: Intake, errors: Counter[str], finder: Finder | None = None) -> Origin:
    """The origin of a source, not yet open.

    Args:
        intake: of the source.
        errors: of the source, by reason; a follower of files counts there itself.
        finder: finds its files, where no globs do.
    """
    settings = intake.settings
    if finder is not None:
        return Found(intake, finder, errors)
    if settings.kernel is not None:
        path = kernel_path(settings.kernel)
        if is_device(path):
            return Kernel(path, intake.clock)
        # the kernel's file is history since boot, as the device is
        return Files(Follower((path,), from_beginning=True, errors=errors))
    if settings.journal is not None:
        return SystemJournal(intake, settings.journal)
    if settings.ingest is not None:
        return Ingest(intake, settings.ingest)
    if settings.syslog is not None:
        return Syslog(intake, settings.syslog)
    if settings.kafka is not None:
        return Topics(intake, settings.kafka)
    if settings.stdin:
        return Stdin()
    patterns = tuple(str(each) for each in settings.files or ())
    return Files(Follower(patterns, from_beginning=settings.from_ == "beginning", errors=errors))


def kernel_path(settings: bool | KernelSettings) -> str:  # noqa: FBT001 - as stoker.yaml has it
    """Where the kernel's log is."""
    return str(settings.path if isinstance(settings, KernelSettings) else KernelSettings().path)
