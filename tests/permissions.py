"""File modes that bind tests, whoever runs them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_VERSION_3 = 0x20080522  # linux/capability.h
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1 << 1, 1 << 2  # same source


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


@contextmanager
def bound_by_modes() -> Iterator[None]:
    """Let the modes of files bind this thread as they bind any user's, also where root runs it.

    Root lays down the two capabilities by which it passes over modes; the test is skipped where it
    cannot.
    """
    if os.geteuid() != 0:
        yield
        return
    libc, header, sets = ctypes.CDLL(None), _Header(_VERSION_3, 0), (_Sets * 2)()
    if not hasattr(libc, "capget") or libc.capget(ctypes.byref(header), sets):
        pytest.skip("root passes over file modes here")
    had = sets[0].effective
    sets[0].effective = had & ~(_DAC_OVERRIDE | _DAC_READ_SEARCH)
    if libc.capset(ctypes.byref(header), sets):
        pytest.skip("root passes over file modes here")
    try:
        yield
    finally:
        sets[0].effective = had
        libc.capset(ctypes.byref(header), sets)
