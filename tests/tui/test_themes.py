"""Themes are data, and every one of them is checked when it is loaded."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from console_fixture import RecordingDoor, clock
from rich.color import Color
from rich.style import Style

from engine.core.errors import ConfigError
from tui.app import KanpanApp
from tui.palette import INKS, Inks, red_is_up
from tui.themes import ConsoleTheme, find_themes, load_theme, theme_files


def every_theme() -> dict[str, ConsoleTheme]:
    """Our themes, loaded."""
    return {name: load_theme(path) for name, path in theme_files(find_themes()).items()}


def luminance(color: Color) -> float:
    """Relative luminance after WCAG 2.1."""
    channels = [value / 255 for value in color.get_truecolor()]
    linear = [value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Color, other: Color) -> float:
    """Contrast ratio after WCAG 2.1."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_four_themes_travel_with_the_console_dark_first() -> None:
    assert list(theme_files(find_themes())) == ["dark", "light", "ansi", "high-contrast"]


def test_every_theme_has_every_ink() -> None:
    for theme in every_theme().values():
        assert set(theme.styles) == set(INKS)


@pytest.mark.parametrize(("name", "least"), [("dark", 4.5), ("light", 4.5), ("high-contrast", 7.0)])
def test_figures_can_be_read_on_their_ground(name: str, least: float) -> None:
    theme = every_theme()[name]
    ground = Color.parse(str(theme.textual.background))
    for ink in (
        "text",
        "red",
        "green",
        "flat",
        "warning",
        "accent",
        "reply",
        "status",
        "critical",
        "critical-row",
        "paper",
        "live",
    ):
        style = theme.styles[ink]
        assert contrast(style.color, style.bgcolor or ground) >= least, ink


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("dark = true", "dark = true\nextra = 1", "extra is not known"),
        ('text = "#c9d1d9"\n', "", "ink.text is missing"),
        ('text = "#c9d1d9"', 'text = "octarine"', "ink.text"),
        ('background = "#0d1117"', 'background = "nonsense"', "ground"),
        ("dark = true", "dark = ", "not TOML"),
    ],
)
def test_a_wrong_theme_is_refused_with_its_file_and_key(tmp_path: Path, before: str, after: str, said: str) -> None:
    text = (find_themes() / "dark.toml").read_text(encoding="utf-8")
    assert before in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(ConfigError, match=f"mine.toml.*{said}"):
        load_theme(path)


def test_a_directory_without_themes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no themes"):
        theme_files(tmp_path)


def test_a_persons_own_theme_comes_after_ours(tmp_path: Path) -> None:
    for path in find_themes().glob("*.toml"):
        shutil.copy(path, tmp_path)
    shutil.copy(find_themes() / "dark.toml", tmp_path / "amber.toml")
    assert list(theme_files(tmp_path))[-1] == "amber"


def test_red_is_up_for_a_shares_and_green_elsewhere_and_one_setting_overrides() -> None:
    assert [red_is_up(market, "auto") for market in ("ashare", "us", "crypto")] == [True, False, False]
    assert red_is_up("us", "red-up")
    assert not red_is_up("ashare", "green-up")
    inks = Inks({}, red_up=True)
    assert [inks.signed(sign) for sign in (1, 0, -1)] == ["red", "flat", "green"]
    assert [Inks({}, red_up=False).signed(sign) for sign in (1, -1)] == ["green", "red"]


def test_the_cursor_keeps_a_cells_own_colour_and_a_blocks_own_ground() -> None:
    ground = Style.parse("on #000000")
    styles = {
        "red": Style.parse("#ff0000 on #000000"),
        "block": Style.parse("#ffffff on #ff0000"),
        "cursor": Style.parse("on #112233"),
    }
    inks = Inks(styles, ground=ground)
    assert inks.on_cursor("red") == Style.parse("#ff0000 on #112233")
    assert inks.on_cursor("block") == styles["block"]


@pytest.mark.parametrize("name", ["dark", "light", "high-contrast"])
def test_every_cell_of_the_screen_has_the_themes_ground_and_not_the_terminals(name: str) -> None:
    async def run() -> set[object]:
        app = KanpanApp(RecordingDoor(), language="zh", theme=name, clock=clock())
        async with app.run_test(size=(120, 36)) as pilot:
            await pilot.pause(0.05)
            strips = app.screen._compositor.render_strips()
            return {segment.style.bgcolor if segment.style else None for strip in strips for segment in strip}

    assert None not in asyncio.run(run())
