"""The shop's journal: three short articles. Their texts are `templates/articles/SLUG.html`."""

from typing import NamedTuple


class Article(NamedTuple):
    slug: str
    title: str
    date: str
    """ISO 8601 day."""
    minutes: int
    summary: str
    product_ids: tuple[str, ...]


ARTICLES = (
    Article(
        "how-to-choose-running-shoes",
        "How to choose running shoes without getting lost",
        "2026-10-04",
        4,
        "Forget the wall of forty models. Three questions get most people to the right pair.",
        ("A100", "A101", "A102"),
    ),
    Article(
        "string-tension-explained",
        "String tension, explained with a ball of thread",
        "2026-09-12",
        3,
        "Looser strings give depth, tighter strings give control. Why, and where to begin.",
        ("A200", "A201", "A210"),
    ),
    Article(
        "a-season-on-clay",
        "A season on clay: what to pack",
        "2026-08-21",
        2,
        "Red dust gets everywhere. A short list that keeps it out of the places that matter.",
        ("A220", "A211", "A210"),
    ),
)


def article(slug: str) -> Article | None:
    """The article with this slug, or None."""
    return next((each for each in ARTICLES if each.slug == slug), None)
