"""
Which bytes of a text count as the same: the byte classes that the kernel reads through one table.

ASCII letters are folded to lower case; runs of digits become one placeholder in shingles (a template with a
number in it stays one template) but keep their value in the hash of the whole text; white space and
punctuation part words. Bytes of other scripts are letters as they stand (no case folding: the kernel reads
UTF-8 bytes and never decodes). Scripts written without spaces (three- and four-byte sequences from U+3000 on)
make one word per character. U+2000 to U+2FFF, mostly typographic marks, part words.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SEPARATOR, LETTER, DIGIT, MARK, WIDE, SPARSE, CONTINUATION = range(7)


def byte_classes() -> npt.NDArray[np.uint8]:
    """Return the class of each of the 256 byte values."""
    classes = np.zeros(256, dtype=np.uint8)
    classes[33:127] = MARK
    classes[ord("a") : ord("z") + 1] = LETTER
    classes[ord("A") : ord("Z") + 1] = LETTER
    classes[ord("_")] = LETTER
    classes[ord("0") : ord("9") + 1] = DIGIT
    classes[0x80:0xC0] = CONTINUATION
    classes[0xC0:0xE2] = LETTER
    classes[0xE2] = SPARSE
    classes[0xE3:] = WIDE
    return classes


def folded_bytes() -> npt.NDArray[np.uint8]:
    """Return, for each byte value, the byte it is hashed as."""
    folded = np.arange(256, dtype=np.uint8)
    folded[ord("A") : ord("Z") + 1] += 32
    return folded
