"""What Stoker says of itself: declared here, below everything that counts it."""

from __future__ import annotations

from stoker.metrics.desc import Desc, Kind

BUILD_INFO = Desc("stoker_build_info", Kind.GAUGE, "Always 1; the running version", ("version", "python"))
COLLECTOR_SUCCESS = Desc(
    "stoker_collector_success",
    Kind.GAUGE,
    "Whether the last run of the collector read everything; 0 also when its deadline passed",
    ("collector",),
)
COLLECTOR_DURATION = Desc(
    "stoker_collector_duration_seconds", Kind.GAUGE, "Duration of the collector's last run", ("collector",)
)
COLLECTOR_LAST_SUCCESS = Desc(
    "stoker_collector_last_success_timestamp_seconds",
    Kind.GAUGE,
    "When the collector last read everything: the age of what is served",
    ("collector",),
)
COLLECTOR_STUCK = Desc(
    "stoker_collector_stuck_seconds",
    Kind.GAUGE,
    "How long something that the collector asked has not returned past its deadline, also where it goes on without it;"
    " 0 when it is not stuck",
    ("collector",),
)
LOG_LINES = Desc("stoker_log_lines_total", Kind.COUNTER, "Lines read", ("source",))
LOG_BYTES = Desc("stoker_log_bytes_total", Kind.COUNTER, "Bytes read", ("source",))
LOG_MATCHED = Desc(
    "stoker_log_matched_lines_total",
    Kind.COUNTER,
    'Lines that gave at least one sample; format="none" counts the lines that no format understood',
    ("source", "format"),
)
LOG_ERRORS = Desc(
    "stoker_log_errors_total",
    Kind.COUNTER,
    "Parts of a log that could not be used, by reason",
    ("source", "reason"),
)
LOG_LAG = Desc("stoker_log_lag_bytes", Kind.GAUGE, "Bytes written and not yet read", ("source",))
LOG_FILES = Desc("stoker_log_files", Kind.GAUGE, "Files followed now", ("source",))
LOG_LAST_LINE = Desc("stoker_log_last_line_timestamp_seconds", Kind.GAUGE, "When a line was last read", ("source",))
LOG_GAP_MAX = Desc(
    "stoker_log_gap_max_seconds",
    Kind.GAUGE,
    "Longest gap between two lines in the last 24 hours",
    ("source",),
)
LOG_ROTATIONS = Desc(
    "stoker_log_rotations_total", Kind.COUNTER, "Files replaced by a new one under their name", ("source",)
)
LOG_TRUNCATIONS = Desc(
    "stoker_log_truncations_total", Kind.COUNTER, "Files cut to a smaller size in place", ("source",)
)
LOG_OUTPUTS = Desc(
    "stoker_log_outputs",
    Kind.GAUGE,
    "Standard outputs and errors of processes on a GPU by what they lead to; only files are followed",
    ("source", "kind"),
)
STATE_WRITABLE = Desc(
    "stoker_state_writable",
    Kind.GAUGE,
    "Whether the last save of positions and counters to the state directory worked",
)
HTTP_REQUESTS = Desc("stoker_http_requests_total", Kind.COUNTER, "Answers of Stoker's own server", ("handler", "code"))
CONFIG_RELOAD_SUCCESSFUL = Desc(
    "stoker_config_last_reload_successful", Kind.GAUGE, "Whether the last load of the configuration worked"
)
CONFIG_RELOAD_TIMESTAMP = Desc(
    "stoker_config_last_reload_success_timestamp_seconds",
    Kind.GAUGE,
    "When a configuration was last loaded with success",
)

DESCS: tuple[Desc, ...] = (
    BUILD_INFO,
    COLLECTOR_SUCCESS,
    COLLECTOR_DURATION,
    COLLECTOR_LAST_SUCCESS,
    COLLECTOR_STUCK,
    LOG_LINES,
    LOG_BYTES,
    LOG_MATCHED,
    LOG_ERRORS,
    LOG_LAG,
    LOG_FILES,
    LOG_LAST_LINE,
    LOG_GAP_MAX,
    LOG_ROTATIONS,
    LOG_TRUNCATIONS,
    LOG_OUTPUTS,
    STATE_WRITABLE,
    HTTP_REQUESTS,
    CONFIG_RELOAD_SUCCESSFUL,
    CONFIG_RELOAD_TIMESTAMP,
)
