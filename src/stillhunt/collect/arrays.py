"""An Arrow column, and Arrow's functions on columns, for the type checker."""

from __future__ import annotations

from typing import Any

import pyarrow.compute

Column = Any
"""A `pyarrow.Array` of whatever type: the published stubs lack several of its types and most coercions."""

pc: Any = pyarrow.compute

Bytes: Any = pyarrow.BufferReader
"""A file in memory that Arrow reads without a copy."""
