"""OpenAI's `x-ratelimit-*` headers, and the way OpenAI writes a duration in them."""

from proxy.accounts.limits import Reservation, Standing


def rate_headers(reservation: Reservation) -> str:
    """The headers of a request that was admitted, each with its end; empty where no rate is set.

    They are those of the tightest rate of each kind, just after this request was reserved.
    """
    return header_lines(reservation.requests, reservation.tokens)


def header_lines(requests: Standing | None, tokens: Standing | None) -> str:
    """`x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, each with its end."""
    lines = ""
    if requests is not None:
        lines = (
            f"x-ratelimit-limit-requests: {requests.limit}\r\n"
            f"x-ratelimit-remaining-requests: {requests.remaining}\r\n"
            f"x-ratelimit-reset-requests: {duration(requests.reset)}\r\n"
        )
    if tokens is not None:
        lines += (
            f"x-ratelimit-limit-tokens: {tokens.limit}\r\n"
            f"x-ratelimit-remaining-tokens: {tokens.remaining}\r\n"
            f"x-ratelimit-reset-tokens: {duration(tokens.reset)}\r\n"
        )
    return lines


def duration(seconds: float) -> str:
    """Seconds as OpenAI writes them (the form of Go's durations): `6ms`, `1.2s`, `1m30s`, `6h0m0s`.

    Rounded up to whole milliseconds, so that one who waits that long has waited long enough.
    """
    milliseconds = -int(-seconds * 1000 // 1)
    if milliseconds < 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds}ms" if milliseconds > 0 else "0s"
    if milliseconds < 60_000:  # noqa: PLR2004 - a minute
        return f"{milliseconds / 1000:g}s"
    minutes, rest = divmod(milliseconds, 60_000)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes}m{rest / 1000:g}s"
    return f"{minutes // 60}h{minutes % 60}m{rest / 1000:g}s"
