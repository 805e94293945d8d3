"""What the shop sells, as data: products, categories and the club's plans. Prices are whole euro cents."""

from typing import NamedTuple

from sessionizer.demo.markup import Html
from sessionizer.demo.pictures import Palette, draw

CURRENCY = "EUR"
FREE_SHIPPING_FROM_CENTS = 6000
SHIPPING_CENTS = 490


class Product(NamedTuple):
    product_id: str
    name: str
    category: str
    price_cents: int
    tagline: str
    description: str
    details: tuple[tuple[str, str], ...]
    drawing: str
    """Its picture's name (`pictures.py`)."""
    palette: Palette

    def picture(self) -> Html:
        """The product as inline SVG."""
        return draw(self.drawing, self.palette)


class Category(NamedTuple):
    slug: str
    name: str
    intro: str


class Plan(NamedTuple):
    name: str
    price_cents: int
    summary: str
    features: tuple[str, ...]


CATEGORIES = (
    Category("running", "Running", "Shoes and layers for the long way round, and for finding the way back."),
    Category("tennis", "Tennis", "Frames, court shoes and everything that ends up in the bag."),
)

PRODUCTS = (
    Product(
        "A100",
        "Fil Rouge 2",
        "running",
        12990,
        "The daily trainer",
        "A soft, level ride for the kilometres that make up most of a year. The upper is knitted from one "
        "continuous thread, "
        "so there is no seam to find at kilometre twenty.",
        (("Weight", "248 g"), ("Drop", "8 mm"), ("Made for", "Road, every day")),
        "running-shoe",
        Palette("#c8452f", "#7d1f1b", "#f6ead9"),
    ),
    Product(
        "A101",
        "Dédale Trail",
        "running",
        14990,
        "Grip for paths that turn",
        "Five-millimetre lugs, a rock plate under the forefoot and a gaiter that keeps the hill outside the shoe.",
        (("Weight", "296 g"), ("Drop", "6 mm"), ("Made for", "Trail, wet or dry")),
        "trail-shoe",
        Palette("#2f6b57", "#173c33", "#e9c46a"),
    ),
    Product(
        "A102",
        "Minos Carbon",
        "running",
        21900,
        "Race day, and only race day",
        "A curved carbon plate between two layers of supercritical foam. It wants to go faster than you planned.",
        (("Weight", "196 g"), ("Drop", "8 mm"), ("Made for", "Road, racing")),
        "running-shoe",
        Palette("#274690", "#16264f", "#f2f0e6"),
    ),
    Product(
        "A110",
        "Labyrinth Singlet",
        "running",
        3990,
        "Light, and dry by the last lap",
        "Recycled mesh cut without side seams. Flat-locked, fast-drying, and long enough to stay put.",
        (("Fabric", "92 % recycled polyester"), ("Fit", "Regular"), ("Care", "30 °C")),
        "singlet",
        Palette("#e9b44c", "#a33b20", "#5b2a1c"),
    ),
    Product(
        "A111",
        "Meander Socks, 3 pairs",
        "running",
        1800,
        "No blisters, no drama",
        "Merino where it is warm, mesh where it is not, and a heel that stays where you put it.",
        (("Fabric", "61 % merino"), ("Height", "Crew"), ("Care", "40 °C")),
        "socks",
        Palette("#f0e3d0", "#b5382a", "#315b7d"),
    ),
    Product(
        "A200",
        "Thread 100",
        "tennis",
        18900,
        "The all-court frame",
        "A hundred square inches of forgiveness: easy depth, easy spin, and enough feel to learn from a bad day.",
        (("Head", "645 cm²"), ("Weight", "285 g unstrung"), ("Strings", "16 × 19")),
        "racket",
        Palette("#b5382a", "#2b2b33", "#a9a294"),
    ),
    Product(
        "A201",
        "Thread 98 Tour",
        "tennis",
        22900,
        "For players who hit the middle",
        "Denser strings, a thinner beam and a little more weight: it says exactly what you did.",
        (("Head", "632 cm²"), ("Weight", "305 g unstrung"), ("Strings", "18 × 20")),
        "racket",
        Palette("#23406e", "#c9a227", "#a9a294"),
    ),
    Product(
        "A210",
        "Clew Balls, tin of 3",
        "tennis",
        790,
        "A clew is a ball of thread",
        "Woven felt, a lively core, and a bounce that lasts for three good matches.",
        (("Surface", "Clay and hard court"), ("Felt", "57 % wool"), ("In the tin", "3 balls")),
        "balls",
        Palette("#c9d84a", "#f3f8c4", "#fbfdf0"),
    ),
    Product(
        "A211",
        "Naxos Court Bag",
        "tennis",
        8490,
        "Three rackets and a good book",
        "A waxed-canvas bag with a padded sleeve for three frames and a dry pocket for what comes off the court.",
        (("Volume", "38 l"), ("Rackets", "3"), ("Fabric", "Waxed canvas")),
        "bag",
        Palette("#41564b", "#22312a", "#e6d2a8"),
    ),
    Product(
        "A220",
        "Knossos Court",
        "tennis",
        11990,
        "Stops as well as it starts",
        "A herringbone outsole for clay, a stiff shank for the wide forehand, and a toe that outlives the season.",
        (("Weight", "342 g"), ("Outsole", "Full herringbone"), ("Made for", "Clay and hard court")),
        "court-shoe",
        Palette("#e8e4da", "#8a2b22", "#fbf8f0"),
    ),
)

PLANS = (
    Plan(
        "Walk-in", 0, "The shop as it is.", ("Free returns for 30 days", "Free shipping from €60", "Resoling at cost")
    ),
    Plan(
        "Club",
        490,
        "For people who wear things out.",
        ("Free shipping, always", "One restringing a month", "First try of new models", "10 % on resoling"),
    ),
    Plan(
        "Team",
        2900,
        "For clubs and companies, up to 15 people.",
        ("Everything in Club", "Team prices from 5 pairs", "One invoice a month", "A fitting day at your place"),
    ),
)

_BY_ID = {product.product_id: product for product in PRODUCTS}


def product(product_id: str) -> Product | None:
    """The product with this id, or None."""
    return _BY_ID.get(product_id)


def in_category(slug: str) -> list[Product]:
    """A category's products, in shelf order."""
    return [each for each in PRODUCTS if each.category == slug]


def category(slug: str) -> Category:
    """The category with this slug. Raises StopIteration for a slug that is not in CATEGORIES."""
    return next(each for each in CATEGORIES if each.slug == slug)


def search(words: str) -> list[Product]:
    """Products whose name, tagline or category contain every word, in any case."""
    wanted = words.lower().split()
    return [
        each
        for each in PRODUCTS
        if wanted and all(w in f"{each.name} {each.tagline} {each.category}".lower() for w in wanted)
    ]


def shipping_cents(subtotal_cents: int) -> int:
    """What shipping costs for goods of this value."""
    return 0 if subtotal_cents >= FREE_SHIPPING_FROM_CENTS else SHIPPING_CENTS


def euros(cents: int) -> str:
    """Cents as a shopper reads them: `€129.90`."""
    return f"€{cents // 100:,}.{cents % 100:02}"


def amount(cents: int) -> str:
    """Cents as a plain decimal for attributes: `129.90`."""
    return f"{cents // 100}.{cents % 100:02}"
