"""Markup that cannot be forgotten to escape: what is put into a template is escaped unless it is markup already."""

import html as stdlib_html
import json
import string
from functools import cache
from pathlib import Path
from typing import Any

_TEMPLATES = Path(__file__).parent / "templates"


class Html(str):
    """Markup that is safe to send as it is. Only this module and constants make it."""

    __slots__ = ()


class _Escaping(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if value is None:
            return ""
        if isinstance(value, Html):
            return value
        if isinstance(value, list | tuple):
            return "".join(self.format_field(each, format_spec) for each in value)
        return stdlib_html.escape(format(value, format_spec), quote=True)


_formatter = _Escaping()


def html(template: str, /, **values: Any) -> Html:
    """A template (`str.format` syntax) with its values: `Html` as it is, lists joined, None empty, all else escaped.

    The template itself must be a constant of the program, with every attribute value in double quotes.
    """
    return Html(_formatter.vformat(template, (), values))


@cache
def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text("utf-8").rstrip("\n")


def fill(name: str, /, **values: Any) -> Html:
    """The same for a longer template, `templates/NAME`. Raises FileNotFoundError for a name that is not there."""
    return html(_template(name), **values)


def data_block(element_id: str, data: Any) -> Html:
    """A `<script type="application/json">` that no value can close early. It is data: a CSP has nothing to allow."""
    text = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return html('<script type="application/json" id="{id}">{data}</script>', id=element_id, data=Html(text))
