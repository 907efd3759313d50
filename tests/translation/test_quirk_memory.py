"""What is remembered of models, and for how long."""

from proxy.translation.quirk_memory import HINT_LIMIT, MEMORY_LIMIT, MEMORY_SECONDS, QuirkMemory


def test_a_quirk_is_remembered_for_a_day_for_one_model_of_one_endpoint() -> None:
    memory = QuirkMemory()
    memory.learn("chat", "a/b", "cap_with_tools", hint="words", now=1000.0)
    assert memory.recall("chat", "a/b", 1000.0) == [("cap_with_tools", "words")]
    assert memory.recall("chat", "a/b", 1000.0 + MEMORY_SECONDS - 1) == [("cap_with_tools", "words")]
    assert memory.recall("chat", "a/b", 1000.0 + MEMORY_SECONDS) == []
    assert memory.recall("chat", "a/c", 1000.0) == []
    assert memory.recall("responses", "a/b", 1000.0) == []


def test_each_quirk_has_its_own_day_and_learning_it_again_begins_another() -> None:
    memory = QuirkMemory()
    memory.learn("chat", "a/b", "stream_options", hint="one", now=0.0)
    memory.learn("chat", "a/b", "dialect", hint="two", now=500.0)
    assert memory.recall("chat", "a/b", MEMORY_SECONDS) == [("dialect", "two")]
    memory.learn("chat", "a/b", "stream_options", hint="three", now=MEMORY_SECONDS)
    assert dict(memory.recall("chat", "a/b", MEMORY_SECONDS + 1)) == {"stream_options": "three", "dialect": "two"}


def test_hints_are_bounded() -> None:
    memory = QuirkMemory()
    memory.learn("chat", "a/b", "reasoning_effort", hint="x" * 1_000_000, now=0.0)
    assert memory.recall("chat", "a/b", 0.0) == [("reasoning_effort", "x" * HINT_LIMIT)]


def test_the_memory_is_bounded_and_forgets_the_oldest_model() -> None:
    memory = QuirkMemory()
    for number in range(MEMORY_LIMIT + 10):
        memory.learn("chat", f"a/{number}", "dialect", hint="", now=float(number))
    held = [number for number in range(MEMORY_LIMIT + 10) if memory.recall("chat", f"a/{number}", 5000.0)]
    assert held == list(range(10, MEMORY_LIMIT + 10))
    memory.learn("chat", "a/20", "stream_options", hint="", now=5000.0)
    assert len(memory.recall("chat", "a/10", 5000.0)) == 1, "a known model pushes nobody out"


def test_what_was_never_learned_need_not_be_recalled() -> None:
    memory = QuirkMemory()
    assert not memory.knows("chat.completions", "m")
    memory.learn("chat.completions", "m", "dialect", hint="", now=0.0)
    assert memory.knows("chat.completions", "m")
    assert not memory.knows("chat.completions", "other")
