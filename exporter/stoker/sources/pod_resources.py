"""Which pod the kubelet gave which GPU: its pod-resources service, `v1.PodResourcesLister/List` on a socket of the node.

Read are the fields of ListPodResourcesResponse (Kubernetes 1.20 and later) that name a device:
    1 pod_resources { 1 name, 2 namespace, 3 containers { 1 name, 2 devices { 1 resource_name, 2 device_ids } } }
Devices that are claimed through DRA are not told by an identifier that NVML knows, and left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stoker.sources.grpc_call import call

if TYPE_CHECKING:
    from collections.abc import Iterator

SOCKET = "/var/lib/kubelet/pod-resources/kubelet.sock"
_METHOD = "/v1.PodResourcesLister/List"
_TIMEOUT = 1.0
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST = 10
"""Bytes of a number of 64 bits."""


class Assignment(NamedTuple):
    """A device that a container was given: `GPU-…` or `MIG-…`, without the number of a share of it."""

    device: str
    namespace: str
    pod: str
    container: str


def assignments(path: str = SOCKET, timeout: float = _TIMEOUT) -> list[Assignment]:
    """All GPUs and MIG instances that pods of this node have.

    Raises:
        UnavailableError: there is no kubelet here.
        SourceError: it does not answer, or not as expected.
    """
    return parse(call(path, _METHOD, b"", timeout))


def parse(message: bytes) -> list[Assignment]:
    """Read an answer; what cannot be read of it is left out."""
    found = []
    for pod in _parts(message, 1):
        name, namespace = _text(pod, 1), _text(pod, 2)
        for container in _parts(pod, 3):
            for devices in _parts(container, 2):
                for each in _parts(devices, 2):
                    # a GPU that several pods share by turns: GPU-…::3
                    device = each.decode(errors="replace").partition("::")[0]
                    if device.startswith(("GPU-", "MIG-")):
                        found.append(Assignment(device, namespace, name, _text(container, 1)))
    return list(dict.fromkeys(found))


def _text(message: bytes, number: int) -> str:
    return next((each.decode(errors="replace") for each in _parts(message, number)), "")


def _parts(message: bytes, number: int) -> Iterator[bytes]:
    """Texts and messages within a message, of one field; ends at what is no Protocol Buffers."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _BYTES:
            length, at = _varint(message, at)
            if at + length > len(message):
                return
            if key >> 3 == number:
                yield message[at : at + length]
            at += length
        elif kind == _VARINT:
            _, at = _varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            return


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number and where it ends; beyond the end of the message when it has none."""
    value = 0
    for count, byte in enumerate(message[at : at + _LONGEST]):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that there is more
            return value, at + count + 1
    return 0, len(message) + 1
