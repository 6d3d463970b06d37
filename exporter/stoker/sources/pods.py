"""Names of pods: which pod a container belongs to, and which pod was given a GPU.

The kubelet links each container's log as `<pod>_<namespace>_<container>-<id>.log` in one folder, which tells the names behind an identifier
that a control group has. Its socket tells the devices. Either may be missing: then a pod is called by its uid.
"""

from __future__ import annotations

import logging
import os
import re
import time
from typing import TYPE_CHECKING, NamedTuple

from stoker.errors import SourceError, UnavailableError
from stoker.sources import pod_resources

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.sources.pod_resources import Assignment

log = logging.getLogger(__name__)

LOGS = "/var/log/containers"
# trainer-0_ml_main-3a31a360e5ae….log: the names have no underscore, and the container's may have dashes
_LINK = re.compile(r"([^/_]+)_([^/_]+)_(.+)-([0-9a-f]{64})\.log")
_LOOK_EVERY = 10.0
_ASK_AGAIN = 60.0
"""Seconds for which a kubelet that does not answer is left in peace."""


class PodName(NamedTuple):
    """Names of a container in a pod."""

    namespace: str
    pod: str
    container: str


class Pods:
    """Names of pods; `begin` comes before each look.

    Args:
        socket: of the kubelet's pod-resources service.
        logs: where the links to containers' logs are.
        monotonic: seconds that never go back.
        ask: gives what the service behind the socket says.

    Attributes:
        kubelet_up: whether the kubelet answers; None where there is none.
    """

    def __init__(
        self,
        socket: str = pod_resources.SOCKET,
        logs: str = LOGS,
        monotonic: Callable[[], float] = time.monotonic,
        ask: Callable[[str], list[Assignment]] = pod_resources.assignments,
    ) -> None:
        self._socket = socket
        self._ask = ask
        self._logs = logs
        self._monotonic = monotonic
        self._names: dict[str, PodName] = {}
        self._look_at = self._ask_at = float("-inf")
        self._devices: dict[str, list[Assignment]] = {}
        self._said = ""
        self.kubelet_up: bool | None = None

    def begin(self) -> None:
        """Ask the kubelet."""
        now = self._monotonic()
        if now < self._ask_at:
            return
        try:
            found = self._ask(self._socket)
        except UnavailableError:
            self.kubelet_up, self._devices = None, {}
        except SourceError as error:
            # what it said before may be wrong by now
            self.kubelet_up, self._devices = False, {}
            self._ask_at = now + _ASK_AGAIN
            if str(error) != self._said:
                log.warning("kubelet: %s; pods without a process on a GPU are not known", error)
            self._said = str(error)
        else:
            self.kubelet_up, self._said = True, ""
            self._devices = {}
            for each in found:
                self._devices.setdefault(each.device, []).append(each)

    def given(self, device: str) -> list[Assignment]:
        """Who was given a GPU or a MIG instance, by its uuid."""
        return self._devices.get(device, [])

    def name(self, container_id: str) -> PodName | None:
        """Names of a container of a pod; None when they are not known."""
        if not container_id:
            return None
        if container_id not in self._names and self._monotonic() >= self._look_at:
            self._look_at = self._monotonic() + _LOOK_EVERY
            self._names = self._look()
        return self._names.get(container_id)

    def _look(self) -> dict[str, PodName]:
        try:
            links = os.listdir(self._logs)
        except OSError:
            return {}
        found = filter(None, map(_LINK.fullmatch, links))
        return {match[4]: PodName(match[2], match[1], match[3]) for match in found}
