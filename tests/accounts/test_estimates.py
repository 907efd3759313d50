"""Input tokens before the call: rather too many, and nearer with every answer."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.accounts.estimates import KEPT, SMALLEST, TEMPLATE, Estimator

MODEL = "zai-org/GLM-5.2"


def test_an_unknown_model_is_taken_to_have_dense_text_and_a_template() -> None:
    assert Estimator().input_tokens(MODEL, 400) == 200 + TEMPLATE
    assert Estimator().input_tokens(MODEL, 401) == 201 + TEMPLATE
    assert Estimator().input_tokens(MODEL, 0) == TEMPLATE


def test_a_higher_ratio_counts_at_once() -> None:
    estimator = Estimator()
    estimator.learn(MODEL, 1000, 800)
    assert estimator.input_tokens(MODEL, 2000) == 1600 + TEMPLATE
    assert estimator.input_tokens("another/model", 2000) == 1000 + TEMPLATE


def test_a_lower_one_counts_slowly() -> None:
    estimator = Estimator()
    estimator.learn(MODEL, 1000, 100)
    first = estimator.input_tokens(MODEL, 10_000)
    assert 4900 < first < 5000 + TEMPLATE
    for _ in range(500):
        estimator.learn(MODEL, 1000, 100)
    assert 1000 <= estimator.input_tokens(MODEL, 10_000) < 1010 + TEMPLATE


def test_small_requests_and_missing_figures_teach_nothing() -> None:
    estimator = Estimator()
    estimator.learn(MODEL, SMALLEST - 1, 10_000)
    estimator.learn(MODEL, 1000, 0)
    assert len(estimator) == 0


def test_a_token_has_at_least_a_byte() -> None:
    estimator = Estimator()
    estimator.learn(MODEL, 1000, 1_000_000)
    assert estimator.input_tokens(MODEL, 1000) == 1000 + TEMPLATE


def test_the_number_of_models_is_bounded() -> None:
    estimator = Estimator()
    for number in range(KEPT + 5):
        estimator.learn(f"ft:{number}", 1000, 700)
    assert len(estimator) == KEPT
    assert estimator.input_tokens("ft:4", 1000) == 500 + TEMPLATE  # forgotten
    assert estimator.input_tokens("ft:5", 1000) == 700 + TEMPLATE


@given(st.lists(st.tuples(st.integers(SMALLEST, 100_000), st.integers(1, 25_000)), min_size=1))
def test_the_last_request_would_not_have_been_underestimated(answers: list[tuple[int, int]]) -> None:
    estimator = Estimator()
    for size, tokens in answers:
        estimator.learn(MODEL, size, tokens)
        assert estimator.input_tokens(MODEL, size) >= min(size, tokens) - 1  # a ratio is a float
