import pytest

from proxy.accounts.gates import BOUNDS
from proxy.admin.dashboard import key_fields
from proxy.admin.dashboard.key_fields import FORM_BOUNDS, SHORT, WORDS, at_its_field, expect_valid, in_a_line
from proxy.admin.limits import NewLimit
from proxy.errors import InvalidRequest, NotPermitted
from tests.admin.bureau import OWNER, VIEWER, tenant_admin


def test_every_bound_of_a_limit_is_in_the_form() -> None:
    """A limit is put as a whole: one that the form did not have would be lifted by it."""
    assert set(FORM_BOUNDS) == set(NewLimit.model_fields) - {"tenant", "key", "model"}
    assert set(BOUNDS) < set(FORM_BOUNDS)
    assert set(WORDS) == set(SHORT) == set(FORM_BOUNDS)


@pytest.mark.parametrize(
    ("text", "value"),
    [("60", 60), ("250,000", 250_000), ("1 000", 1000), ("x", "x"), ("-1", "-1"), ("٣", "٣"), ("9" * 16, "9" * 16)],
)
def test_a_number_that_is_none_is_left_to_the_api(text: str, value: object) -> None:
    assert key_fields.number(text) == value


@pytest.mark.parametrize(("text", "value"), [("", None), ("30", 2_592_000), ("soon", "soon")])
def test_days(text: str, value: object) -> None:
    assert key_fields.days(text) == value


def test_lists_and_tags() -> None:
    assert key_fields.lines(" a/*, b\n\nc ") == ["a/*", "b", "c"]
    assert key_fields.tags("team=search, env = prod\nnote=a=b") == {"team": "search", "env": "prod", "note": "a=b"}
    with pytest.raises(InvalidRequest) as raised:
        key_fields.tags("team")
    assert raised.value.param == "tags"


@pytest.mark.parametrize(
    ("param", "field"),
    [
        ("models[0]", "models"),
        ("tags.t", "tags"),
        ("expires_in_seconds", "expires"),
        ("grace_seconds", "grace"),
        ("name", "name"),
        (None, None),
    ],
)
def test_a_fault_finds_its_field(param: str | None, field: str | None) -> None:
    assert at_its_field(InvalidRequest("no", param=param)).param == field


def test_what_the_api_would_refuse_is_refused_before_anything_is_done() -> None:
    limit = {"key": "key_1", "requests_per_minute": 60}
    expect_valid(OWNER, "PUT", key_fields.LIMITS, limit)
    for actor in (VIEWER, tenant_admin("acme")):
        with pytest.raises(NotPermitted):
            expect_valid(actor, "PUT", key_fields.LIMITS, limit)
    with pytest.raises(InvalidRequest) as raised:
        expect_valid(OWNER, "PUT", key_fields.LIMITS, {**limit, "concurrent": "many"})
    assert raised.value.param == "concurrent"


def test_limits_in_a_line() -> None:
    none = dict.fromkeys(FORM_BOUNDS)
    limits = [
        {**none, "model": "*", "requests_per_minute": 600, "tokens_per_minute": 250_000},
        {**none, "model": "zai-org/*", "concurrent": 5, "queue": 2},
    ]
    assert in_a_line(limits) == "600 req/min, 250,000 tok/min; zai-org/*: 5 at a time, 2 may wait"
    assert in_a_line([]) == ""
