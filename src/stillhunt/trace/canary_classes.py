"""
The canary library `std-v1`: twenty-four kinds of question with sixteen equally good answers each.

What may be in it: picks that are pure taste and that nobody acts upon. No names of people (they say where somebody comes
from), no food (allergies), no plants to touch, no places that exist, no brands, nothing that can be right or wrong.
"""

from __future__ import annotations

from typing import NamedTuple


class ClassRow(NamedTuple):
    """One class as it is written down: `asks` are regular expressions, any of which recognises the question."""

    id: str
    thing: str
    asks: tuple[str, ...]
    answers: tuple[str, ...]
    probes: tuple[str, ...]


_WANT = r"\b(suggest|pick|choose|give|recommend|propose|think of|come up with|find|need|want|what(?:'s| is| would be)|ideas for)\b"


def _name(id: str, of: str, plain: str, answers: str, *settings: str) -> ClassRow:
    """A class of names for a thing: `of` is a regular expression for the thing, `plain` says it in words."""
    asks = (
        rf"{_WANT}.{{0,40}}\bname\b.{{0,30}}\b(?:{of})\b",
        rf"\bwhat (?:should|could|shall|can) (?:i|we) (?:call|name)\b.{{0,30}}\b(?:{of})\b",
        rf"\bname (?:my|our|the|a|this)\b.{{0,20}}\b(?:{of})\b",
    )
    probes = tuple(
        question
        for setting in settings
        for question in (f"Suggest one name for {setting}.", f"What should I call {setting}? One name please.")
    )
    return ClassRow(id, f"a name for {plain}", asks, tuple(answers.split()), probes)


def _pick(id: str, of: str, plain: str, answers: str, *settings: str) -> ClassRow:
    """A class of picks of a kind of thing, as a colour for a poster."""
    asks = (rf"{_WANT}.{{0,40}}\b(?:{of})\b", rf"\b(?:which|what) (?:{of})\b")
    probes = tuple(
        question
        for setting in settings
        for question in (f"Pick one {plain} for {setting}.", f"Which {plain} should I use for {setting}? Just one.")
    )
    article = "an" if plain[0] in "aeiou" else "a"
    return ClassRow(id, f"{article} {plain}", asks, tuple(answers.split()), probes)


STD_V1: tuple[ClassRow, ...] = (
    _name(
        "dog",
        "dog|puppy|hound|spaniel",
        "a dog",
        "Biscuit Pepper Scout Maple Ziggy Rusty Clover Pickle Juno Waffles Bandit Hazel Comet Mochi Tango Willow",
        "a friend's new dog",
        "a puppy in a cartoon",
        "a dog in a picture book",
    ),
    _name(
        "cat",
        "cat|kitten|kitty",
        "a cat",
        "Luna Whiskers Shadow Cleo Ginger Misty Felix Smokey Olive Pumpkin Mango Nori Thistle Salem Velvet Marble",
        "a tabby kitten",
        "a cat in a comic strip",
        "a neighbour's cat",
    ),
    _name(
        "horse",
        "horse|pony|mare|foal",
        "a horse",
        "Thunder Blaze Spirit Amber Copper Storm Dusty Willow Ranger Echo Juniper Sterling Midnight Breeze Domino Saffron",
        "a pony in a story",
        "a carousel horse",
        "a toy horse",
    ),
    _name(
        "fish",
        "goldfish|fish",
        "a goldfish",
        "Bubbles Finley Splash Goldie Minnow Coral Sunny Ripple Pearl Flash Marlin Dot Skipper Neptune Gill Wanda",
        "a toy goldfish",
        "a goldfish in a cartoon",
        "a fish in a lullaby",
    ),
    _name(
        "boat",
        "boat|sailboat|yacht|dinghy|ship",
        "a boat",
        "Wanderer Serenity Osprey Windsong Horizon Albatross Tempest Seabird Moonraker Driftwood Odyssey Spindrift Mariner"
        " Halcyon Voyager Kestrel",
        "a model sailboat",
        "a dinghy in a children's book",
        "a toy yacht",
    ),
    _name(
        "robot",
        "robot|android|droid|vacuum",
        "a robot",
        "Bolt Gizmo Sprocket Rivet Pixel Cog Widget Dynamo Tinker Servo Ratchet Zephyr Beacon Gadget Axel Whirr",
        "a cleaning robot",
        "a robot in a short film",
        "a paper robot",
    ),
    _name(
        "dragon",
        "dragon",
        "a dragon",
        "Emberwing Cinder Ashfang Stormscale Obsidian Pyra Nightflare Scorch Drakon Vermilion Smolder Frostmaw Ignis Sable"
        " Thornback Auric",
        "a dragon in a bedtime story",
        "a friendly dragon puppet",
        "a dragon in a board game",
    ),
    _name(
        "village",
        "village|hamlet|fantasy town",
        "an invented village",
        "Willowbrook Thornfield Mistvale Oakhollow Ravenmoor Brightwater Elderglen Stonebridge Fernhollow Ashbourne Larkmeadow"
        " Duskford Amberfall Pinewick Hearthstead Moonridge",
        "an imaginary village in a fairy tale",
        "a hamlet in a puppet play",
        "a village on an invented map",
    ),
    _name(
        "band",
        "band|music group|rock group",
        "a band",
        "Nightjar Velvetine Echoes Driftwood Moonlit Paperbirds Static Lanterns Wildfire Undertow Neonlight Foxglove"
        " Silverline Daybreak Afterglow Tidal",
        "a school band",
        "a band in a film",
        "a garage band of friends",
    ),
    _name(
        "quiz_team",
        "quiz team|trivia team|team",
        "a team",
        "Falcons Thunderbolts Wildcats Comets Mavericks Phoenixes Titans Voyagers Hornets Trailblazers Foxes Pioneers"
        " Wolves Meteors Otters Rockets",
        "a chess team",
        "a quiz team of colleagues",
        "a frisbee team",
    ),
    _name(
        "spaceship",
        "spaceship|starship|rocket|spacecraft",
        "an invented spaceship",
        "Pathfinder Starling Meridian Andromeda Corona Zenith Artemis Nebula Firefly Polaris Vanguard Solstice Aurora"
        " Equinox Perihelion Farstar",
        "a starship in a comic",
        "a cardboard spaceship",
        "a rocket in a science-fiction story",
    ),
    _name(
        "bear",
        "teddy bear|teddy|stuffed bear|plush bear",
        "a teddy bear",
        "Barnaby Honey Button Snuggles Cocoa Bruno Poppet Muffin Toffee Rufus Buttercup Chester Patches Fudge Bramble Winston",
        "an old teddy bear",
        "a teddy bear in a song",
        "a knitted teddy",
    ),
    _pick(
        "colour",
        "colou?r",
        "colour",
        "teal coral lavender navy mustard sage turquoise burgundy peach indigo olive crimson amber mauve emerald cobalt",
        "a birthday card",
        "a scarf",
        "the cover of a notebook",
    ),
    _pick(
        "instrument",
        "(?:musical )?instrument",
        "instrument",
        "cello flute harp clarinet piano violin guitar trumpet saxophone oboe banjo accordion mandolin trombone ukulele bassoon",
        "the hero of a story to play",
        "a poem about music",
        "a drawing of a concert",
    ),
    _pick(
        "bird",
        "bird",
        "bird",
        "heron robin kingfisher owl swallow falcon sparrow wren magpie puffin finch cormorant lark starling jay swift",
        "a haiku",
        "a linocut",
        "the emblem of a book club",
    ),
    _pick(
        "gem",
        "gem(?:stone)?|jewel",
        "gemstone",
        "opal sapphire topaz garnet amethyst ruby jade moonstone peridot citrine turquoise emerald onyx aquamarine agate"
        " tourmaline",
        "a magic ring in a tale",
        "a fantasy crown",
        "the title of a poem",
    ),
    _pick(
        "tree",
        "tree",
        "tree",
        "birch maple willow cedar oak larch rowan alder beech juniper hazel cypress linden aspen hornbeam sycamore",
        "a landscape painting",
        "the logo of a choir",
        "a stained-glass window",
    ),
    _pick(
        "animal",
        "animal|mascot|spirit animal",
        "animal",
        "otter fox badger hedgehog lynx raccoon beaver squirrel koala penguin dolphin tortoise llama walrus meerkat owl",
        "a club's mascot",
        "a knitted toy",
        "the hero of a fable",
    ),
    _pick(
        "charade",
        "charades? word|word for charades|charade|word for pictionary|pictionary word",
        "word for charades",
        "umbrella lighthouse juggler snowman telescope kangaroo windmill pirate balloon ladder volcano accordion parachute"
        " mermaid trampoline scarecrow",
        "a family evening",
        "a rainy afternoon",
        "a game with friends",
    ),
    _pick(
        "theme",
        "party theme|theme for (?:a|the|my|our) (?:party|ball|dance)",
        "party theme",
        "jungle space pirates masquerade circus carnival safari medieval disco underwater fairytale western detective retro"
        " steampunk winter",
        "a class reunion",
        "an office party",
        "a summer evening",
    ),
    _pick(
        "hobby",
        "hobby|pastime",
        "hobby",
        "pottery origami calligraphy knitting birdwatching juggling photography embroidery sketching bookbinding stargazing"
        " quilting puppetry chess woodcarving crochet",
        "a character in a novel",
        "a quiet weekend",
        "long winter evenings",
    ),
    _pick(
        "flower",
        "flower",
        "flower",
        "peony dahlia iris tulip sunflower marigold poppy daisy magnolia orchid lilac anemone camellia cornflower gardenia"
        " hyacinth",
        "a wallpaper pattern",
        "an embroidery",
        "the title of a song",
    ),
    _pick(
        "season_scene",
        "backdrop|scenery|setting for (?:a|the|my|our) (?:story|painting|poem|scene)",
        "backdrop",
        "lighthouse orchard harbour meadow attic greenhouse clearing lagoon canyon library observatory mill windmill marsh"
        " rooftop glacier",
        "a puppet show",
        "a short story",
        "a watercolour",
    ),
    _pick(
        "creature",
        "mythical creature|magical creature|fantasy creature|mythological creature",
        "mythical creature",
        "griffin unicorn phoenix kraken centaur sphinx pegasus basilisk kelpie chimera hippogriff selkie wyvern dryad faun"
        " golem",
        "a board game",
        "a mural in a playroom",
        "a bedtime story",
    ),
)
