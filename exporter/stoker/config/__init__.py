"""What a user may set: stoker.yaml, then the environment, then flags."""

from stoker.config.load import Loaded, find_config, load_settings, state_dir
from stoker.config.settings import (
    GpuSettings,
    HostSettings,
    IngestSettings,
    JournalSettings,
    KafkaSettings,
    Limits,
    Links,
    PackSettings,
    Settings,
    SourceSettings,
    SyslogSettings,
)

__all__ = [
    "GpuSettings",
    "HostSettings",
    "IngestSettings",
    "JournalSettings",
    "KafkaSettings",
    "Limits",
    "Links",
    "Loaded",
    "PackSettings",
    "Settings",
    "SourceSettings",
    "SyslogSettings",
    "find_config",
    "load_settings",
    "state_dir",
]
