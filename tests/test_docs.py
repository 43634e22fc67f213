"""What the documents show is there, and is made by a program."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_each_picture_is_shown_and_taken_by_the_program():
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = {Path(name).stem for page in documents for name in re.findall(r"\(([\w/.-]+)\.png\)", page.read_text())}
    program = (ROOT / "docs" / "pictures.py").read_text()
    assert shown == {picture.stem for picture in (ROOT / "docs").glob("*.png")}
    assert [name for name in shown if f'"{name.removeprefix("guide-")}"' not in program.replace('"guide-', '"')] == []
