from __future__ import annotations

import fcntl
import os
import resource
import threading

import pytest

from stoker.sources.run_relay import write_all

HIGH = 2000


def test_what_a_reader_does_not_take_at_once_is_waited_for_at_a_descriptor_beyond_1023() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard <= HIGH:
        pytest.skip("this machine allows no such descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, HIGH + 1), hard))
    reader, low = os.pipe()
    writer = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, HIGH)
    os.close(low)
    os.set_blocking(writer, False)
    data = os.urandom(1 << 20)
    found: list[bytes] = []

    def read() -> None:
        with os.fdopen(reader, "rb") as file:
            found.append(file.read())

    thread = threading.Thread(target=read)
    thread.start()
    try:
        write_all(writer, data)
    finally:
        os.close(writer)
        thread.join()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found == [data]
