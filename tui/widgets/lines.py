"""A framed window over many lines, with a cursor: what the table and the log have in common."""

from __future__ import annotations

from textual import events
from textual.message import Message

from tui.face import Face
from tui.widgets.frame import between_sides, bottom_border, exactly, top_border, under_cursor
from tui.widgets.painted import Painted, Row

WHEEL_LINES = 3


class Lines(Painted):
    """Subclasses give `count`, `line_at`, and perhaps a heading; this class gives the frame, the window and the cursor."""

    class Chosen(Message):
        """A person clicked in this widget: it should become the active one, and open its row on the second click."""

        def __init__(self, lines: Lines, *, again: bool) -> None:
            super().__init__()
            self.lines = lines
            self.again = again

    points = True
    """Whether the cursor's line is marked."""

    def __init__(self, face: Face, *, id: str, title_key: str) -> None:
        super().__init__(face, id=id)
        self.title_key = title_key
        self.active = False
        self.framed = True
        self.top = 0
        self.cursor = 0

    def count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def line_at(self, index: int, width: int) -> Row:
        """Line `index`, of any width up to `width`."""
        raise NotImplementedError

    def heading(self, width: int) -> Row | None:
        """A line that stays above the window, or None."""
        return None

    def foot(self, width: int) -> tuple[Row, ...]:
        """Lines that stay below the window."""
        return ()

    def note(self) -> str:
        """What to say in place of lines when there are none."""
        return ""

    def title(self) -> Row:
        """The title in the frame."""
        return ((self.face.words.t(self.title_key), "title-on" if self.active else "title"),)

    def info(self) -> Row:
        """What stands at the right of the frame: the place of the cursor among the lines."""
        return ((f"{self.cursor + 1}/{self.count()}", "dim"),) if self.count() else ()

    def set_active(self, active: bool) -> None:
        """Whether keys go to this widget, shown by its frame and its cursor."""
        if active != self.active:
            self.active = active
            self.settle()

    def set_framed(self, framed: bool) -> None:
        """With a frame, or bare where the tab bar already names it."""
        if framed != self.framed:
            self.framed = framed
            self.repaint()

    def window(self) -> int:
        """Lines that fit between the frame and the heading."""
        height = self.size.height - (2 if self.framed else 0)
        return max(0, height - (0 if self.heading(self.inner()) is None else 1) - len(self.foot(self.inner())))

    def move(self, by: int) -> None:
        """Move the cursor by so many lines, and the window with it."""
        self.go_to(self.cursor + by)

    def go_to(self, index: int) -> None:
        """Put the cursor on a line and keep it in the window."""
        self.cursor = max(0, min(index, self.count() - 1))
        self.keep_in_view()
        self.settle()

    def half_page(self) -> int:
        """Half a window, at least one line."""
        return max(1, self.window() // 2)

    def keep_in_view(self) -> None:
        """Move the window as little as needed for the cursor to be in it."""
        window = max(1, self.window())
        self.cursor = max(0, min(self.cursor, self.count() - 1))
        self.top = max(0, min(self.top, self.cursor, self.count() - window))
        if self.cursor >= self.top + window:
            self.top = self.cursor - window + 1

    def compose_row(self, y: int, width: int) -> Row:
        """The frame, the heading, or a line."""
        if not self.framed:
            return exactly(self.inside(y, width), width)
        height = self.size.height
        if width < 8 or height < 2:
            return ((" " * width, "text"),)
        if y == 0:
            return top_border(self.face, width, self.title(), self.info(), on=self.active)
        if y == height - 1:
            return bottom_border(self.face, width, on=self.active)
        return between_sides(self.face, self.inside(y - 1, width - 4), width, on=self.active)

    def on_resize(self) -> None:
        """Keep the cursor in view in the new size."""
        self.keep_in_view()
        self.repaint()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the cursor."""
        event.stop()
        self.move(WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the cursor."""
        event.stop()
        self.move(-WHEEL_LINES)

    def on_click(self, event: events.Click) -> None:
        """A click chooses the line under the pointer."""
        event.stop()
        index = self.top + event.y - (1 if self.framed else 0) - (0 if self.heading(self.inner()) is None else 1)
        if self.top <= index < min(self.count(), self.top + self.window()):
            self.go_to(index)
        self.post_message(self.Chosen(self, again=event.chain > 1))

    def inner(self) -> int:
        """Cells between the sides of the frame."""
        return max(0, self.size.width - (4 if self.framed else 0))

    def inside(self, y: int, width: int) -> Row:
        """Row `y` within the frame: the heading, a line, or the note that there are none."""
        heading = self.heading(width)
        if heading is not None:
            if y == 0:
                return exactly(heading, width)
            y -= 1
        below = y - self.window()
        foot = self.foot(width) if below >= 0 else ()
        if 0 <= below < len(foot):
            return exactly(foot[below], width)
        index = self.top + y
        if index >= self.count():
            return ((self.note(), "dim"),) if y == 0 and not self.count() else ()
        line = exactly(self.line_at(index, width), width)
        return under_cursor(line) if self.points and self.active and index == self.cursor else line
