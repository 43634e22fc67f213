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

# Organizations whose people came to the summit and haven't promised anything yet.
GUESTS_ONLY = [
    ("Rough & Ready Radio", "business"),
    ("Mossdale Family Farm", "business"),
    ("Miracle Mile Optical", "business"),
    ("Eight Mile Veterinary Clinic", "business"),
    ("Delta Sail and Canvas", "business"),
    ("Valley Ballet Folklórico", "nonprofit"),
    ("Grace on Harding Way", "faith"),
    ("Retired Teachers of Stockton", "labor"),
    ("Families of Sierra Vista", "families"),
    ("Harbor Master’s Office", "public"),
]
# What guests typed as their organization that no rule can match for sure.
TYPOS = ["Slough House Bakrey", "Port Gate Logistic", "SJ Nurses Guild", "Gurdwara Kitchen", "Delta Tule Weavers"]

# What each sector tends to promise, most likely first.
LEANINGS = {
    "business": ["internships", "tours", "presentations", "mentors", "teachers"],
    "college": ["curriculum", "tours", "presentations", "advisory", "teachers"],
    "labor": ["internships", "presentations", "advisory", "mentors"],
    "nonprofit": ["mentors", "service", "teachers", "presentations"],
    "faith": ["service", "mentors", "presentations"],
    "families": ["presentations", "service", "mentors"],
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
    "internships": (1, 6),
}
# The grades that a promise of each type is for, each as likely as the others.
GRADES = {
    "curriculum": [["9-12"], ["7-8", "9-12"]],
    "tours": [["1-3"], ["4-6"], ["1-3", "4-6"], ["4-6", "7-8"], ["7-8"]],
    "advisory": [["9-12"], []],
    "teachers": [["4-6"], ["7-8"], ["9-12"], ["7-8", "9-12"]],
    "mentors": [["4-6"], ["7-8"], ["9-12"], ["7-8", "9-12"]],
    "presentations": [["1-3"], ["4-6"], ["7-8"], ["9-12"], ["4-6", "7-8"]],
    "service": [["4-6", "7-8"], ["7-8"], ["9-12"]],
    "internships": [["9-12"]],
}

ABOUT_BY_HAND = {
    "Port Gate Logistics": "We move what comes off the ships: rice, steel, and wind turbines, day and night.",
    "Slough House Bakery": "Bread since 1961. The ovens go on at two in the morning.",
    "Levee Road Machine Works": "We make parts for pumps and tractors, one at a time or a thousand.",
    "Calaveras Credit Union": "Owned by our 22,000 members, most of them in Stockton.",
    "Weber Point Dental": "A family practice near the water. We see children first.",
    "Local 47 Electrical Workers": "We represent four hundred electricians and train forty apprentices a year.",
    "San Joaquin Nurses Guild": "Nurses of three hospitals and eleven clinics in the county.",
    "Delta Valley College": "Certificates and degrees for people who work while they study.",
    "River Reading Corps": "Volunteers who read with one child each, every week of the school year.",
    "Khmer Youth Arts": "Dance, shadow theater, and stories that our grandparents carried here.",
    "Valley Robotics Club": "Engineers and students who build robots on Saturdays.",
    "Gurdwara Family Kitchen": "We cook for anyone who is hungry, every day, as Sikhs have for five centuries.",
    "St. Brigid Parish": "A parish that has fed its neighbors every Wednesday for thirty years.",
    "Hmong Families Together": "Families who keep a language and a garden.",
    "Padres de Conway": "Madres y padres del barrio de Conway que se reúnen cada primer martes.",
    "Harbor District Fire Crew": "Station 6, by the channel. Visitors are welcome when the trucks are in.",
    "Delta Water Quality Lab": "We test the water of the Delta, from the sloughs to the tap.",
    "Riverbank Library Friends": "We raise money for books and for the people who read them aloud.",
}

# Promises written by hand: type, quantity, grades, months, note, schools.
BY_HAND: dict[str, list[tuple]] = {
    "Port Gate Logistics": [
        ("tours", 6, ["4-6", "7-8"], [10, 2, 3], "6 visits to the docks, hard hats provided.", []),
        (
            "internships",
            4,
            ["9-12"],
            [1, 2, 3, 4],
            "Job shadowing in dispatch, two students at a time.",
            ["Edison High"],
        ),
    ],
    "Slough House Bakery": [
        ("tours", 3, ["1-3"], [11, 1, 3], "3 mornings in the bakehouse; everyone shapes a roll.", ["Taft Elementary"]),
        ("presentations", 2, ["4-6"], [4], "Fractions with flour: doubling and halving a recipe.", []),
    ],
    "Levee Road Machine Works": [
        (
            "internships",
            2,
            ["9-12"],
            [1, 2, 3, 4, 5],
            "Paid, two afternoons a week on the lathes.",
            ["Weber Institute"],
        ),
        ("tours", 2, ["7-8"], [10, 4], "See a part go from drawing to finished piece in an hour.", []),
    ],
    "Calaveras Credit Union": [
        ("presentations", 8, ["9-12"], [10, 11, 2, 3], "First paycheck, first account: one period each.", []),
        ("internships", 3, ["9-12"], [3, 4, 5], "Job shadowing at the counter and in lending.", ["Stagg Senior High"]),
    ],
    "Weber Point Dental": [
        (
            "internships",
            2,
            ["9-12"],
            [2, 3],
            "For students who want to become dental assistants.",
            ["Health Careers Academy"],
        ),
        ("presentations", 6, ["1-3"], [2], "Children’s Dental Health Month, with a toothbrush for everyone.", []),
    ],
    "Local 47 Electrical Workers": [
        ("internships", 6, ["9-12"], [1, 2, 3, 4, 5], "Pre-apprenticeship, with tools to keep.", ["Franklin High"]),
        ("presentations", 4, ["7-8"], [10, 3], "We bring a fuse box and take it apart.", []),
    ],
    "San Joaquin Nurses Guild": [
        ("mentors", 8, ["9-12"], [10, 11, 12, 1, 2, 3, 4], "Lunch every other Thursday.", ["Health Careers Academy"]),
    ],
    "Delta Valley College": [
        (
            "curriculum",
            20,
            ["9-12"],
            [9, 10, 11],
            "Read the welding and nursing outlines and mark what employers ask for.",
            [],
        ),
        ("tours", 4, ["7-8"], [3, 4], "A day on campus, lunch included.", []),
    ],
    "River Reading Corps": [
        (
            "mentors",
            12,
            ["4-6"],
            [9, 10, 11, 12, 1, 2, 3, 4, 5],
            "One reader, one child, Tuesdays after school.",
            ["August Elementary"],
        ),
    ],
    "Khmer Youth Arts": [
        (
            "teachers",
            16,
            ["4-6"],
            [1, 2, 3, 4],
            "A shadow play in Khmer and English, from script to stage.",
            ["Elmwood Elementary"],
        ),
    ],
    "Valley Robotics Club": [
        ("mentors", 6, ["7-8", "9-12"], [10, 11, 12, 1, 2, 3], "Robots on Saturdays; no experience needed.", []),
        ("presentations", 5, ["4-6"], [11, 2], "We bring three robots. Students drive.", []),
    ],
    "Gurdwara Family Kitchen": [
        ("service", 2, ["9-12"], [11, 4], "Students cook and serve 200 meals with us.", ["Stagg Senior High"]),
    ],
    "St. Brigid Parish": [
        ("service", 1, ["4-6", "7-8"], [11], "Food drive: students plan it, collect, and count.", []),
    ],
    "Hmong Families Together": [
        ("presentations", 3, ["1-3"], [11, 12], "Story cloths and the New Year, told by grandmothers.", []),
    ],
    "Padres de Conway": [
        (
            "mentors",
            4,
            ["4-6"],
            [10, 11, 1, 2, 3],
            "Padres que acompañan la tarea, en español.",
            ["Roosevelt Elementary"],
        ),
    ],
    "Harbor District Fire Crew": [
        ("tours", 5, ["1-3"], [10], "Fire Prevention Week: climb in, sound the siren once.", []),
    ],
    "Delta Water Quality Lab": [
        ("tours", 3, ["4-6", "7-8"], [3, 4, 5], "Take your own sample from the slough and test it here.", []),
        (
            "internships",
            1,
            ["9-12"],
            [3, 4, 5],
            "One junior in the lab, Fridays.",
            ["Edward C. Merlo Institute of Environmental Studies"],
        ),
    ],
    "Riverbank Library Friends": [
        ("tours", 4, ["1-3"], [9, 10], "Every child leaves with a library card.", ["Hazelton Elementary"]),
    ],
}

ROLES = ["Owner", "Director", "Outreach coordinator", "Office manager", "Human resources", ""]
ROLES_OF_SECTOR = {"labor": ["Shop steward", "Training coordinator"], "faith": ["Pastor", "Outreach coordinator"]}
NOTES = ["Mornings only, please.", "Best for groups of 25.", "We speak Khmer and Spanish too.", "After the harvest."]
STREETS = ["Weber Avenue", "Pacific Avenue", "Charter Way", "Wilson Way", "Harding Way", "March Lane", "Fremont Street"]
