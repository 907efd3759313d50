"""Bodies that come compressed although `identity` was asked for: not what HTTP provides for, and yet to be survived."""

import zlib

from proxy.errors import UpstreamFailed

GARBLED = "Telnyx's answer cannot be decompressed."
_FORMATS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""`content-encoding` -> the window bits by which zlib knows the format."""
_RAW = -15
_ZLIB = 0x08
"""The low half of the first byte of zlib's own format. Some servers say deflate and mean the bare stream (RFC 9110)."""


class Inflater:
    """Decompresses one body, in steps whose results are bounded: a few bytes may mean gigabytes.

    Attributes:
        more: whether the last step left something to give, even if nothing more is put in.
    """

    __slots__ = ("_format", "_inflating", "more")

    def __init__(self, encoding: str) -> None:
        self._format = _FORMATS.get(encoding.lower())
        self._inflating: zlib._Decompress | None = None
        self.more = False

    @property
    def complete(self) -> bool:
        """Whether nothing is missing: the body ended where its format says so, or there was none."""
        return self._inflating is None or self._inflating.eof

    def feed(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        """At most `most` bytes of the body, and what of `data` has to be fed again. Raises UpstreamFailed."""
        if self._inflating is None:
            if not data:
                return b"", b""
            if self._format is None:
                raise UpstreamFailed(GARBLED)  # an encoding that is not known here
            bare = self._format == _FORMATS["deflate"] and data[0] & 0x0F != _ZLIB
            self._inflating = zlib.decompressobj(_RAW if bare else self._format)
        try:
            out = self._inflating.decompress(data, most)
        except zlib.error as fault:
            raise UpstreamFailed(GARBLED) from fault
        if self._inflating.unused_data:
            raise UpstreamFailed(GARBLED)
        self.more = len(out) == most
        return out, self._inflating.unconsumed_tail
