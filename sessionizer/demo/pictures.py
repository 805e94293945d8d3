"""The goods, drawn: SVG pictures that a page carries inline, each in the colours of its product.

Colours are attributes of the shapes, since the shop's content security policy allows no style attributes.
"""

from typing import NamedTuple

from sessionizer.demo.markup import Html, fill


class Palette(NamedTuple):
    """CSS colours."""

    body: str
    detail: str
    trim: str


def draw(name: str, palette: Palette) -> Html:
    """The picture `templates/pictures/NAME.svg` in these colours. Raises FileNotFoundError for an unknown name."""
    key = palette.body.lstrip("#")  # makes the ids inside unique on a page of several
    shapes = fill(f"pictures/{name}.svg", body=palette.body, detail=palette.detail, trim=palette.trim, key=key)
    return fill("pictures/frame.svg", shapes=shapes)
