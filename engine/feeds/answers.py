"""What an HTTP answer means before anyone parses it: a status becomes a Fault, a body is read and unpacked within bounds."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from engine.core.text import safe_text
from engine.feeds.source import Fault, FeedError

BANNED = frozenset({403, 418, 451, 456})
"""403 a wall, 418 Binance's ban, 451 not from this country, 456 Sina's ban (data_apis.md, 5 and 7)."""
ASKED_WRONG = frozenset({400, 404, 422})
_TASTE = 2_048


def fault_of_status(source: str, host: str, response: httpx.Response) -> FeedError | None:
    """The error that this status is, or None for one that brings a body.

    400, 404 and 422 with a JSON body are an answer to a wrong question (Binance's -1121, Yahoo's Not Found); with a page of HTML
    they are a server that no longer has the address.
    """
    status = response.status_code
    if status == 200:
        return None
    said = f"{host}: HTTP {status}"
    if status in BANNED:
        return FeedError(source, Fault.BANNED, said, retry_after_s=_retry_after(response))
    if status == 429:
        return FeedError(source, Fault.THROTTLED, said, retry_after_s=_retry_after(response))
    if status in ASKED_WRONG:
        taste = next(response.iter_raw(_TASTE), b"").lstrip()
        if taste[:1] in (b"{", b"["):
            return FeedError(
                source, Fault.UNKNOWN_SYMBOL, f"{said}: {safe_text(taste[:160].decode('utf-8', 'replace'), one_line=True)}"
            )
        return FeedError(source, Fault.SERVER, said)
    if 300 <= status < 400:
        return FeedError(source, Fault.NOT_DATA, f"{said}, which is not followed")
    if status >= 500:
        return FeedError(source, Fault.SERVER, said, retry_after_s=_retry_after(response))
    return FeedError(source, Fault.NOT_DATA, said)


def read_bounded(source: str, host: str, response: httpx.Response, max_bytes: int) -> bytes:
    """The body, unpacked, at most `max_bytes` on the wire and unpacked. Raises FeedError; httpx's own errors pass through."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", ""):
        raise FeedError(
            source, Fault.NOT_DATA, f"{host}: content-encoding {safe_text(encoding, limit=20, one_line=True)}, not asked for"
        )
    unpack = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
    parts: list[bytes] = []
    size = wire = 0
    for block in response.iter_raw():
        wire += len(block)
        try:
            part = unpack.decompress(block, max_bytes - size + 1) if unpack else block
        except zlib.error:
            raise FeedError(source, Fault.NOT_DATA, f"{host}: a broken gzip stream") from None
        size += len(part)
        if size > max_bytes or wire > max_bytes:
            raise FeedError(source, Fault.NOT_DATA, f"{host}: more than {max_bytes} bytes")
        parts.append(part)
    if unpack and not unpack.eof:
        raise FeedError(source, Fault.NETWORK, f"{host}: the gzip stream was cut off")
    if not size:
        raise FeedError(source, Fault.EMPTY, f"{host}: an empty body")
    return b"".join(parts)


def _retry_after(response: httpx.Response) -> float:
    """Seconds asked for: a number, or an HTTP date against the server's own Date; 0 where there is none or it makes no sense."""
    said = response.headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    then, now = _http_date(said), _http_date(response.headers.get("date", ""))
    if then is None or now is None:
        return 0.0
    return max(0.0, (then - now).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
