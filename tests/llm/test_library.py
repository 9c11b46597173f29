"""A person's own prompts: every version kept, one in force, and none that could do harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.core.errors import ConfigError
from engine.llm import PromptLibrary, render
from tests.llm.test_prompts import CONTEXT


@pytest.fixture
def library(tmp_path: Path) -> PromptLibrary:
    return PromptLibrary(tmp_path / "prompts")


def mine(library: PromptLibrary, extra: str = "Prefer banks.") -> str:
    return library.text("ashare-daily", "en", 0).replace("\n=== user ===\n", f"\n{extra}\n\n=== user ===\n")


def test_without_a_version_of_ones_own_the_built_in_one_is_in_force(library: PromptLibrary):
    assert library.template("ashare-daily", "en").version == "1"
    assert library.versions("ashare-daily", "en") == [] and library.active("ashare-daily", "en") == 0


def test_a_saved_version_is_in_force_once_activated(library: PromptLibrary):
    number = library.save(mine(library))
    assert number == 1 and library.active("ashare-daily", "en") == 0
    library.activate("ashare-daily", "en", 1)
    template = library.template("ashare-daily", "en")
    prompt = render("ashare-daily", CONTEXT, template)
    assert (prompt.id, prompt.version) == ("ashare-daily.en", "user-0001") and "Prefer banks." in prompt.system
    library.activate("ashare-daily", "en", 0)
    assert library.template("ashare-daily", "en").version == "1"


def test_versions_are_kept_and_compared(library: PromptLibrary):
    library.save(mine(library))
    library.save(mine(library, "Prefer brewers."))
    assert library.versions("ashare-daily", "en") == [1, 2]
    assert "-Prefer banks.\n+Prefer brewers.\n" in library.diff("ashare-daily", "en", 1, 2)
    assert "+Prefer banks.\n" in library.diff("ashare-daily", "en", 0, 1)


def test_what_was_never_saved_cannot_be_put_in_force(library: PromptLibrary):
    with pytest.raises(ConfigError, match="version 7"):
        library.activate("ashare-daily", "en", 7)


def test_a_damaged_mark_is_said_and_not_guessed(library: PromptLibrary, tmp_path: Path):
    library.save(mine(library))
    (tmp_path / "prompts" / "ashare-daily.en" / "active").write_text("nine")
    with pytest.raises(ConfigError, match="names no version"):
        library.template("ashare-daily", "en")


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A", "a/b", "ashare daily"])
def test_a_name_is_never_a_path(library: PromptLibrary, name: str):
    with pytest.raises(ConfigError, match="not a prompt's name"):
        library.versions(name, "en")


def test_what_is_no_sound_template_is_not_saved(library: PromptLibrary):
    for text in ("", "x" * 70_000, mine(library, "{{ unclosed"), mine(library).replace("id: ashare-daily", "id: ../x")):
        with pytest.raises(ConfigError):
            library.save(text)
    assert library.versions("ashare-daily", "en") == []


@pytest.mark.parametrize(
    "attack",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ notes.__class__.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{% for i in range(10**9) %}x{% endfor %}",
        "{{ self.__init__.__globals__ }}",
        "{% include '/etc/passwd' %}",
        "{{ 'x' * 10**9 }}",
        "{{ no_such_name }}",
        "{{ 1 / 0 }}",
        "{{ notes | upper }}",
        "{% set cash = equity %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    ],
)
def test_a_template_can_only_fill_in_what_it_is_given(library: PromptLibrary, attack: str):
    with pytest.raises(ConfigError):
        library.save(mine(library, attack))
