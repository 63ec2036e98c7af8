//! The products the shop opens with.

use crate::product::Draft;

pub(crate) const BRANDS: [&str; 12] = [
    "alder", "bergmann", "calla", "dovetail", "ember", "fjord", "grove", "hearth", "isla",
    "juniper", "kestrel", "nordlys",
];

const CATEGORIES: [(&str, [&str; 5]); 8] = [
    (
        "lighting",
        [
            "Desk Lamp",
            "Floor Lamp",
            "Pendant",
            "Wall Light",
            "Candle Holder",
        ],
    ),
    (
        "seating",
        ["Armchair", "Stool", "Bench", "Rocking Chair", "Footrest"],
    ),
    (
        "tables",
        [
            "Side Table",
            "Writing Desk",
            "Coffee Table",
            "Console",
            "Tray Table",
        ],
    ),
    (
        "storage",
        ["Bookcase", "Basket", "Chest", "Shelf", "Coat Rack"],
    ),
    (
        "kitchen",
        [
            "Espresso Cup",
            "Teapot",
            "Cutting Board",
            "Salad Bowl",
            "Kettle",
        ],
    ),
    (
        "textiles",
        ["Throw", "Cushion", "Rug", "Curtain", "Tea Towel"],
    ),
    (
        "garden",
        [
            "Planter",
            "Watering Can",
            "Lantern",
            "Deck Chair",
            "Bird House",
        ],
    ),
    (
        "decor",
        ["Vase", "Mirror", "Clock", "Picture Frame", "Bookend"],
    ),
];

const MATERIALS: [&str; 9] = [
    "Oak",
    "Linen",
    "Brass",
    "Ash",
    "Stoneware",
    "Walnut",
    "Wool",
    "Glass",
    "Slate",
];

/// How many products [`products`] makes.
pub(crate) const PRODUCTS: usize = 240;

pub(crate) fn categories() -> impl ExactSizeIterator<Item = &'static str> {
    CATEGORIES.iter().map(|(name, _)| *name)
}

pub(crate) fn products() -> impl Iterator<Item = Draft> {
    (0..PRODUCTS).map(|index| {
        let (category, kinds) = CATEGORIES[index % CATEGORIES.len()];
        let round = index / CATEGORIES.len();
        let material = MATERIALS[(index * 7 + round) % MATERIALS.len()];
        // A price that looks as if somebody had thought about it: 9.90 to 189.90.
        let tens = (index * 37 + round * 11) % 19;
        Draft {
            name: format!("{material} {}", kinds[round % kinds.len()]),
            brand: BRANDS[(index * 5 + round) % BRANDS.len()].to_owned(),
            category: category.to_owned(),
            price_cents: i64::try_from(tens).map_or(990, |tens| tens * 1_000 + 990),
            stock: 40,
        }
    })
}
