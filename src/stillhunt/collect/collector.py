"""Python's collector of unreachable cycles, kept from looking through rows that are only there for a moment."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused() -> Iterator[None]:
    """
    Keep the collector from running meanwhile, if it was to run at all.

    Rows of a block are many objects without cycles, all let go together: to look through them costs a tenth of the reading.
    """
    runs = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if runs:
            gc.enable()
