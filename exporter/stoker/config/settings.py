"""Every key of stoker.yaml, with its default and its meaning; the reference page is made from this file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from stoker.documents import At, Duration, Node, Problems, Size, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """The host collectors."""

    enabled: bool = setting(True, doc="Whether host metrics are collected.")
    collectors: dict[str, bool] = setting(
        factory=dict, doc="Single collectors switched off (or on), by name: `{host_temperature: false}`."
    )
    proc: str = setting(
        "/proc", doc="Where the machine's /proc is: in a container that watches its host, as `/host/proc`."
    )
    sys: str = setting("/sys", doc="Where its /sys is, as `/host/sys`.")
    root: str = setting("/", doc="Where its root is, as `/host`: file systems are looked at below it.")
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuSettings:
    """The GPU collectors."""

    enabled: bool | Literal["auto"] = setting(
        "auto", doc="`auto` collects where NVML is found, `true` makes its absence a failure, `false` never tries."
    )
    process_user: Literal["off", "uid", "name"] = setting(
        "off", doc="Whether processes on a GPU carry their user as a label, as number or name."
    )
    deadline: Duration = setting(Duration(5), doc="How long one NVML call may take before its process is replaced.")
    kubelet_socket: str = setting(
        "/var/lib/kubelet/pod-resources/kubelet.sock",
        doc="Where the kubelet says which pod has which GPU; where there is no such socket, only processes tell.",
    )
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSettings:
    """The kernel log as a source."""

    path: str = setting("/dev/kmsg", doc="The device, or a plain file with kernel lines.")


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings:
    """Lines pushed to `POST /ingest/<name of the source>` on the exporter's own server."""

    token_file: str | None = setting(
        None,
        doc="File with the token that senders show as `Authorization: Bearer TOKEN`, read again when it changes;"
        " without it everybody who reaches the port may push.",
    )
    stream_field: str | None = setting(
        None,
        doc="Field of JSON records that names their stream, dots between levels, as `kubernetes.pod_name`; elsewhere"
        " `?stream=NAME` or the header `X-Stoker-Stream` names it. Each stream is read by itself.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SyslogSettings:
    """Syslog that others send."""

    listen: str = setting("127.0.0.1:5514", doc="Address and port.")
    protocol: Literal["udp", "tcp"] = setting("udp", doc="TCP loses nothing while the exporter runs; UDP may.")
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """The systemd journal."""

    units: tuple[str, ...] = setting((), doc="Only entries of these units, as `vllm.service` or `train@*`.")
    identifiers: tuple[str, ...] = setting((), doc="Only entries of these syslog identifiers.")
    directory: str | None = setting(None, doc="Where the journal is, as `/host/var/log/journal` in a container.")


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """Topics of Kafka; needs the extra `stoker[kafka]`."""

    brokers: tuple[str, ...] = setting(doc="Addresses to begin with, as `kafka1:9092`.")
    topics: tuple[str, ...] = setting(doc="Names of topics; one that begins with `^` is a regular expression.")
    group: str = setting("stoker", doc="The consumer group: each record is read by one of its members.")
    stream_field: str | None = setting(
        None, doc="Field of JSON records that names their stream, as in `ingest`; else the record's key or topic does."
    )
    properties_file: str | None = setting(
        None, doc="File with properties of librdkafka, `name=value` a line: `security.protocol`, `sasl.password`, …"
    )
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsSettings:
    """The runs under `stoker run` as a source."""

    folder: str | None = setting(
        None,
        doc="Their folder; when left out `/var/lib/stoker/runs`, `$STOKER_RUN_DIR` and `runs` in the state directory.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """One source of log lines; exactly one of its origins (files, stdin, kernel, journal, ingest, syslog, kafka, runs, discover) says where they come from."""

    name: str = setting(doc="The label `source`; never a path.")
    files: tuple[str, ...] | None = setting(None, doc="Globs of files to follow; `**` crosses folders.")
    stdin: bool = setting(False, doc="Read standard input.")
    kernel: bool | KernelSettings | None = setting(
        None,
        doc="Read the kernel log: `true` or `{path: /dev/kmsg}`. Without such a source there is one named `kernel` on a"
        " machine with NVIDIA GPUs whose kernel log may be read; `false` switches it off.",
    )
    journal: JournalSettings | None = setting(
        None, doc="Read the systemd journal through journalctl: `{units: [vllm.service]}`; `{}` for all of it."
    )
    ingest: IngestSettings | None = setting(
        None, doc="Take lines that are pushed over HTTP: `{token_file: /etc/stoker/push.token}`."
    )
    syslog: SyslogSettings | None = setting(
        None, doc="Receive syslog (RFC 5424, RFC 3164): `{listen: 127.0.0.1:5514, protocol: tcp}`."
    )
    kafka: KafkaSettings | None = setting(
        None, doc="Read topics of Kafka: `{brokers: [kafka1:9092], topics: [train-logs]}`."
    )
    runs: bool | RunsSettings | None = setting(
        None,
        doc="Follow what runs under `stoker run`: `true` or `{folder: …}`. Without such a source there is one named"
        " `runs`; `false` switches it off.",
    )
    discover: Literal["gpu_processes"] | None = setting(
        None, doc="`gpu_processes` follows the files that processes on a GPU write their output to."
    )
    formats: Literal["auto"] | tuple[str, ...] = setting(
        "auto", doc="`auto` tries every format; a list of names tries only these."
    )
    from_: Literal["end", "beginning"] = setting(
        "end",
        doc="Where to start in files, or a journal, older than the first start; files that appear later are read whole."
        " `beginning` reads logs packed with gzip or zstd, too, oldest first.",
    )
    run: str | None = setting(
        None,
        doc="The label `run`: text with `{stem}`, `{name}`, `{parent}`, `{host}`, `{env:NAME}` or groups of `path`.",
    )
    service: str | None = setting(None, doc="The label `service` of a serving log; the source's name when left out.")
    rank: str | None = setting(None, doc="The label `rank` where lines do not carry it; same template as `run`.")
    path: str | None = setting(
        None,
        doc="A regular expression over the file's path, or the stream's name; its named groups serve `run` and `rank`.",
    )
    timezone: str | None = setting(
        None, doc="Zone of times without one (`UTC`, `Europe/Berlin`); the machine's when left out."
    )
    labels: dict[str, str] = setting(
        factory=dict, doc="Reserved words only: values for `engine` where lines do not say it."
    )
    min_improvement: float = setting(
        0.001, doc="Share of the smoothed loss by which it has to fall to count as progress."
    )
    spike_factor: float = setting(6.0, doc="Width of the band around the median of recent reports, in 1.48 x MAD.")
    divergence_ratio: float = setting(0.3, doc="Rise of the smoothed loss above its best that means divergence.")
    directions: dict[str, Literal["up", "down"]] = setting(
        factory=dict, doc="Which way is better for evaluation metrics that Stoker does not know."
    )
    series_end: Duration = setting(Duration(86400), doc="A run's series end this long after its last line.")
    series_end_completed: Duration = setting(Duration(900), doc="The same after the run completed.")
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds that keep one bad input from costing the rest."""

    series_per_metric: int = setting(10_000, doc="Series that one log metric may have; more are counted as errors.")
    label_length: int = setting(128, doc="Characters of a label value; longer ones are cut.")
    line_length: Size = setting(Size(65536), doc="Bytes of a log line; longer ones are cut and counted.")
    routes_per_service: int = setting(
        200, doc="Values of the label `route` for one service; requests to any further route count under `{other}`."
    )
    streams_per_source: int = setting(
        256,
        doc="Senders that a source to which others write keeps apart; beyond, the one silent for longest gives way.",
    )
    ingest_body: Size = setting(Size(4 * 2**20), doc="Bytes of one push, unpacked; larger ones are refused (413).")
    push_queue: Size = setting(
        Size(32 * 2**20),
        doc="Bytes that may wait to be read where others push to a source: senders over HTTP (429) and TCP have to wait"
        " then, datagrams are lost and counted.",
    )
    ingest_keys: int = setting(10_000, doc="Keys of pushes that a source remembers to know a repeated one.")
    parts_per_source: int = setting(
        2000,
        doc="Ranks of runs and engines of services that one source may have; what others say is left out and counted.",
    )
    values_per_run: int = setting(200, doc="Names that stoker_train_value may have for one run.")
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Bases of the links in alerts and dashboards."""

    runbooks: str = setting("https://stoker.example/runbooks", doc="Base of `runbook_url`; `/<Alert>` is appended.")
    dashboards: str = setting("http://localhost:3000/d", doc="Base of `dashboard_url`; `/<uid>` is appended.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPart:
    """A part that a higher floor decodes: its node, untouched."""

    node: Node

    @classmethod
    def from_node(cls, node: Node, problems: Problems) -> RawPart:  # noqa: ARG003 - the decoder's signature
        """Keep the node."""
        return cls(node=node)


PackSettings = RawPart


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole file."""

    listen: str = setting("127.0.0.1:9838", doc="Address and port of the exporter's own server.")
    state_dir: str | None = setting(
        None, doc="Where positions and counters are kept; `/var/lib/stoker` for root, else `$XDG_STATE_HOME/stoker`."
    )
    interval: Duration = setting(Duration(15), doc="How often the collectors run.")
    deadline: Duration = setting(Duration(10), doc="How long one run of a collector may take.")
    host: HostSettings = setting(factory=HostSettings, doc="Host metrics.")
    gpu: GpuSettings = setting(factory=GpuSettings, doc="GPU metrics.")
    compat: Literal["dcgm"] | None = setting(
        None,
        doc="`dcgm` exposes the readings of GPUs a second time, under the names, labels and units of dcgm-exporter.",
    )
    limits: Limits = setting(factory=Limits, doc="Bounds.")
    sources: tuple[SourceSettings, ...] = setting((), doc="Logs to follow.")
    pack: RawPart | None = setting(
        None, doc="Changes to the shipped pack: parameters, metrics, formats, alerts, panels, routes."
    )
    notify: RawPart | None = setting(None, doc="Where notifications go: `email`, `webhook`, `slack`.")
    links: Links = setting(factory=Links, doc="Bases of links to runbooks and dashboards.")
    at: At = field(default_factory=At, compare=False, repr=False)
