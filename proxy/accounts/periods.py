"""Calendar periods in UTC: when a budget began, and when it begins anew."""

from datetime import UTC, datetime, timedelta

from proxy.accounts.limits import DAY, Period

DECEMBER = 12


def period_start(per: Period, now: float) -> int:
    """Unix time at which the period of `now` began: midnight, Monday's midnight, the first of the month; 0 for `total`.

    Raises ValueError for a time before 1970 or after the year 9999.
    """
    if per == "total":
        return 0
    midnight = int(now // DAY) * DAY  # Unix time has no leap seconds: every day has 86,400
    if per == "day":
        return midnight
    today = datetime.fromtimestamp(midnight, UTC)
    if per == "week":
        return midnight - today.weekday() * DAY
    return int(today.replace(day=1).timestamp())


def period_end(per: Period, now: float) -> int | None:
    """Unix time at which the next period begins, None for `total`."""
    if per == "total":
        return None
    start = period_start(per, now)
    if per == "day":
        return start + DAY
    first = datetime.fromtimestamp(start, UTC)
    if per == "week":
        return int((first + timedelta(days=7)).timestamp())
    last_month = first.month == DECEMBER
    return int(first.replace(year=first.year + last_month, month=1 if last_month else first.month + 1).timestamp())
