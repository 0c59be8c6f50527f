"""The catalogue of models."""

from datetime import date

import pytest

from core.place import PROJECT
from core.provider.models import MODELS, current_models, find_model, read_models, retirement_warning

RETIREMENT = date(2026, 11, 30)


def test_ids_are_unique_also_across_dated_ids() -> None:
    names = [name for model in MODELS for name in {model.id, model.wire_id}]
    assert len(names) == len(set(names))


def test_a_model_is_found_by_either_id() -> None:
    dated = find_model("claude-haiku-4-5-20251001")
    assert dated is find_model("claude-haiku-4-5")
    assert dated is not None
    assert (dated.context_window, dated.max_output_tokens, dated.cache_minimum_tokens) == (200_000, 64_000, 4_096)
    assert find_model("gpt-4") is None


def test_a_retired_model_is_no_longer_offered() -> None:
    assert "claude-sonnet-4-5" in [model.id for model in current_models(date(2026, 11, 29))]
    assert "claude-sonnet-4-5" not in [model.id for model in current_models(RETIREMENT)]


def test_the_recommended_models_come_first() -> None:
    legacy = [model.legacy for model in current_models(RETIREMENT)]
    assert legacy == sorted(legacy)


@pytest.mark.parametrize(
    ("today", "words"),
    [(date(2026, 10, 1), "retires on 2026-11-30"), (RETIREMENT, "was retired on 2026-11-30")],
)
def test_retirement_is_announced_with_a_successor(today: date, words: str) -> None:
    warning = retirement_warning("claude-sonnet-4-5-20250929", today)
    assert warning is not None
    assert words in warning
    assert "Claude Sonnet 5.5" in warning


@pytest.mark.parametrize(
    ("model", "today"),
    [("claude-sonnet-4-5", date(2026, 9, 30)), ("claude-opus-5", date(2030, 1, 1)), ("unknown", RETIREMENT)],
)
def test_there_is_no_warning_without_a_near_retirement(model: str, today: date) -> None:
    assert retirement_warning(model, today) is None


def test_every_successor_exists_and_outlives_its_model() -> None:
    for model in MODELS:
        successor = find_model(model.replacement or model.id)
        assert successor is not None
        assert model.retires is None or successor.retires is None


@pytest.mark.parametrize(
    "wrong",
    ["thinking = 'sometimes'", "context_windows = 5", "retires = 'soon'", "context_window = 'large'", "label ="],
)
def test_a_catalogue_that_is_wrong_is_refused(wrong: str) -> None:
    text = (PROJECT / "data" / "models.toml").read_text("utf-8")
    assert read_models(text) == MODELS
    with pytest.raises(ValueError):
        read_models(f'{text}\n[models."claude-new-1"]\nlabel = "New"\n{wrong}\n')
    [new] = read_models(f'{text}\n[models."claude-new-1"]\nlabel = "New"\n')[len(MODELS) :]
    assert (new.context_window, new.thinking) == (1_000_000, "always")
