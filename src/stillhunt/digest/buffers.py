"""Arrow string arrays as the bare buffers that compiled kernels read, without a copy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def string_buffers(
    values: pa.Array,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """
    Return offsets (n + 1), bytes, and a mask that is true where the value is null or empty.

    `values` is a `pa.StringArray`, possibly a slice; the buffers are those of the array itself.
    """
    n = len(values)
    _, offset_buffer, data_buffer = values.buffers()
    if offset_buffer is None or n == 0:
        offsets = np.zeros(n + 1, dtype=np.int32)
    else:
        offsets = np.frombuffer(offset_buffer, dtype=np.int32)[values.offset : values.offset + n + 1]
    data = (
        np.frombuffer(data_buffer, dtype=np.uint8)
        if data_buffer is not None and data_buffer.size
        else np.zeros(1, dtype=np.uint8)
    )
    empty = np.diff(offsets) == 0
    if values.null_count:
        empty |= values.is_null().to_numpy(zero_copy_only=False)
    return offsets, data, empty
