"""Made-up partners in a delta town: what they do, what their sector tends to promise, and duplicates to merge."""

from imagine.demo.data.names import PARTNERS

MORE = {
    "business": """Cherokee Lane Welding|Fremont Square Architects|Bear Creek Vineyards|Pacific Avenue Books|San Joaquin
Solar|Marina Boat Works""",
    "college": "Lincoln Center Beauty College|Delta Maritime Institute",
    "labor": "Carpenters of the Valley|Port Longshore Local 9",
    "nonprofit": "Stockton Rowing Club|Filipino Heritage House|Tuleburg Theater",
    "faith": "Trinity Lutheran Soup Kitchen",
    "families": "Padres de Weber",
    "public": "Valley Transit Authority|Delta Water Quality Lab",
}
ORGANIZATIONS = [
    *PARTNERS,
    *((" ".join(name.split()), sector) for sector, names in MORE.items() for name in names.split("|")),
]

# The same organization again, as a second person there typed it.
DUPLICATES = [
    ("Port Gate Logistics, Inc.", "business"),
    ("Saint Brigid’s Parish", "faith"),
    ("Tule and Sons Hardware", "business"),
    ("River Reading Corp", "nonprofit"),
    ("Delta Valley College Foundation", "college"),
]

ABOUT = {
    "business": [
        "A third-generation family business, with a workshop that smells of oil and coffee.",
        "We buy from growers in the county and ship to nine states.",
        "Fourteen people, one counter, and customers we know by name.",
        "We repair what others throw away, and we like to show how.",
    ],
    "college": [
        "Certificates and degrees for people who work while they study.",
        "Nine hundred students, most of them the first in their family to go to college.",
    ],
    "labor": [
        "We represent four hundred workers in the county and train forty apprentices a year.",
        "Paid apprenticeships from the first week.",
    ],
    "nonprofit": [
        "Volunteers who read, build, and cook with children after school.",
        "We keep the stories of the neighborhood and teach the young ones to tell them.",
        "Free workshops every Saturday, open to everyone.",
    ],
    "faith": [
        "A congregation that has fed its neighbors every Wednesday for thirty years.",
        "Our hall is open for homework, music, and anyone who needs a warm room.",
    ],
    "families": ["Parents from one neighborhood who meet on the first Tuesday of the month."],
    "public": [
        "We keep the water clean, and we’re happy to show you how.",
        "We serve the county, and we welcome visitors all year.",
    ],
}

# What each sector tends to promise, most likely first.
LEANINGS = {
    "business": ["internships", "tours", "presentations", "mentors", "teachers"],
    "college": ["curriculum", "tours", "presentations", "advisory", "teachers"],
    "labor": ["internships", "presentations", "advisory", "tours"],
    "nonprofit": ["mentors", "service", "teachers", "presentations"],
    "faith": ["service", "mentors", "presentations"],
    "families": ["presentations", "service", "teachers"],
    "public": ["tours", "presentations", "internships", "advisory"],
}
AMOUNTS = {
    "curriculum": (4, 20),
    "tours": (2, 8),
    "advisory": (3, 6),
    "teachers": (4, 24),
    "mentors": (2, 12),
    "presentations": (2, 10),
    "service": (1, 3),
    "internships": (1, 8),
}
ROLES = ["Owner", "Director", "Outreach coordinator", "Office manager", "Shop steward", "Pastor", "Human resources", ""]
NOTES = ["Mornings only, please.", "Best for groups of 25.", "We speak Khmer and Spanish too.", "After the harvest."]
STREETS = ["Weber Avenue", "Pacific Avenue", "Charter Way", "Wilson Way", "Harding Way", "March Lane", "Fremont Street"]
