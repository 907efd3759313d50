from proxy.storage.state_records import CANCELLED, DELETED, TURNS, UNFINISHED, Stored


def test_a_status_is_of_one_kind() -> None:
    every = [*UNFINISHED, *TURNS, CANCELLED, DELETED]
    assert len(every) == len(set(every))


def test_a_response_needs_little() -> None:
    stored, another = (Stored("resp_1", "acme", 0, "completed", {}) for _ in range(2))
    assert (stored.input, stored.previous, stored.conversation, stored.background) == ([], None, None, False)
    assert stored.input is not another.input
