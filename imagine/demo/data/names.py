"""Invented people and organizations of a delta town, from a seeded generator: the same at each reset."""

import random
import unicodedata
from typing import NamedTuple

FIRST = [
    "Alma",
    "Jun",
    "Renata",
    "Samnang",
    "Dara",
    "Reaksmey",
    "Thiago",
    "Marisol",
    "Dolores",
    "Esperanza",
    "Héctor",
    "Araceli",
    "Ignacio",
    "Lucía",
    "Mateo",
    "Xiomara",
    "Arturo",
    "Paloma",
    "Rosalinda",
    "Joaquín",
    "Ligaya",
    "Amihan",
    "Benigno",
    "Corazon",
    "Dalisay",
    "Efren",
    "Maricel",
    "Rizal",
    "Tala",
    "Crisanto",
    "Bopha",
    "Chanthou",
    "Kosal",
    "Maly",
    "Rithy",
    "Sophea",
    "Vanna",
    "Veasna",
    "Mai",
    "Pa",
    "Xeng",
    "Kalia",
    "Tou",
    "Chue",
    "Nhia",
    "Gao",
    "Anh",
    "Bảo",
    "Châu",
    "Đức",
    "Hạnh",
    "Linh",
    "Minh",
    "Nguyệt",
    "Phúc",
    "Thảo",
    "Gurpreet",
    "Harjit",
    "Jasleen",
    "Manjot",
    "Navdeep",
    "Rajwinder",
    "Simran",
    "Tejinder",
    "Darnell",
    "Imani",
    "Keisha",
    "Latoya",
    "Malik",
    "Tamika",
    "Terrence",
    "Vernon",
    "Yolanda",
    "Ruth",
    "Walter",
    "Edith",
    "Harold",
    "June",
    "Cora",
    "Dale",
    "Opal",
    "Russell",
    "Wendell",
    "Ines",
    "Nuno",
    "Lourdes",
    "Farid",
    "Laleh",
    "Yusuf",
    "Amina",
    "Leilani",
    "Sione",
    "Tevita",
    "Hana",
    "Kenji",
    "Midori",
]

LAST = [
    "Reyes",
    "Solís",
    "Keo",
    "Phan",
    "Aguilar",
    "Barragán",
    "Cárdenas",
    "Delgadillo",
    "Escobedo",
    "Fuentes",
    "Gallegos",
    "Ibarra",
    "Jáuregui",
    "Lucero",
    "Magaña",
    "Navarrete",
    "Ocampo",
    "Peña",
    "Quiroz",
    "Rentería",
    "Bautista",
    "Cabrera",
    "Dimaandal",
    "Evangelista",
    "Magsaysay",
    "Pangilinan",
    "Salonga",
    "Tolentino",
    "Villanueva",
    "Chhim",
    "Kong",
    "Meas",
    "Nhem",
    "Ouk",
    "Prak",
    "Seng",
    "Sok",
    "Vang",
    "Xiong",
    "Moua",
    "Lor",
    "Her",
    "Yang",
    "Thao",
    "Bùi",
    "Đặng",
    "Huỳnh",
    "Lý",
    "Ngô",
    "Nguyễn",
    "Trần",
    "Võ",
    "Bains",
    "Dhillon",
    "Gill",
    "Johal",
    "Mann",
    "Sandhu",
    "Sidhu",
    "Booker",
    "Coleman",
    "Fontaine",
    "Gaines",
    "Merriweather",
    "Pettway",
    "Singleton",
    "Whitfield",
    "Brandt",
    "Carver",
    "Hollis",
    "Lindqvist",
    "Mercer",
    "Okafor",
    "Pacheco",
    "Silveira",
    "Sousa",
    "Haddad",
    "Rahimi",
    "Fonoti",
    "Tanaka",
    "Yamamoto",
]

ORGANIZATIONS = {
    "business": """Tule & Sons Hardware|Slough House Bakery|Port Gate Logistics|Asparagus Row Growers|Weber Point
Dental|Levee Road Machine Works|Calaveras Credit Union|Deepwater Cold Storage|Mormon Slough Print Shop|Half Moon Bay
Nursery|Channel Street Pharmacy|Delta Breeze Heating and Air|Tracy Boulevard Tires|Harvest Line Canning""",
    "college": "Delta Valley College|Pacific Slope University|Sierra Foothill Trade School|Valley Nursing Institute",
    "labor": """Local 47 Electrical Workers|San Joaquin Nurses Guild|Ironworkers of the Port|Cannery Workers Alliance|
Bus Drivers Local 12""",
    "nonprofit": """Little Manila Elders Circle|Khmer Youth Arts|River Reading Corps|Hands of the Delta|Second Harvest
Table|Bright Porch Mentors|Stockton Bicycle Kitchen|Valley Robotics Club""",
    "faith": """St. Brigid Parish|Gurdwara Family Kitchen|Mount Olive Fellowship|Temple of the Quiet River|Masjid
Al-Noor Welcome Hall|Iglesia Luz del Valle""",
    "families": "Padres de Conway|Parents of Pershing Street|Hmong Families Together|Weston Ranch Family Council",
    "public": "Harbor District Fire Crew|County Office of Tomorrow|Riverbank Library Friends|Parks of the Port City",
}
PARTNERS = [(" ".join(name.split()), sector) for sector, names in ORGANIZATIONS.items() for name in names.split("|")]

# People who write their names in another script, with the part of their address before the @.
OTHER_SCRIPTS = [
    ("陳美玲", "meiling.chen"),
    ("ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "gurpreet.kaur"),
    ("សុខ ចាន់ដារ៉ា", "chandara.sok"),
    ("سارا رحیمی", "sara.rahimi"),
    ("Ольга Коваль", "olga.koval"),
    ("김지민", "jimin.kim"),
    ("佐藤 花", "hana.sato"),
    ("ສົມພອນ ແກ້ວ", "somphone.keo"),
]

DIETS = ["Vegetarian", "Vegan", "Halal", "No pork", "Gluten free", "Nut allergy", "Lactose free", "Diabetic"]
ACCESS = ["Wheelchair space", "Spanish interpreter", "Khmer interpreter", "Sign language", "Seat near the front"]


class InventedPerson(NamedTuple):
    name: str
    email: str
    language: str


class People:
    """Draw people and organizations, never the same email address twice. Who spoke for an organization once is likely
    to speak for it again."""

    def __init__(self, seed: int):
        self.dice = random.Random(seed)  # noqa: S311  invented names, no secret
        self.addresses: set[str] = set()
        self.speakers: dict[str, InventedPerson] = {}
        self.other_scripts = list(OTHER_SCRIPTS)

    def name(self) -> str:
        return f"{self.dice.choice(FIRST)} {self.dice.choice(LAST)}"

    def person(self) -> InventedPerson:
        """Return a name with a matching address at example.org and a language."""
        if self.other_scripts and self.dice.random() < 0.03:
            name, address = self.other_scripts.pop(0)
            return InventedPerson(name, f"{address}@example.org", "en")
        language = "es" if self.dice.random() < 0.2 else "en"
        while True:
            name = self.name()
            plain = unicodedata.normalize("NFKD", name.replace("Đ", "D").replace("đ", "d"))
            email = plain.encode("ascii", "ignore").decode().lower().replace(" ", ".") + "@example.org"
            if email not in self.addresses:
                self.addresses.add(email)
                return InventedPerson(name, email, language)

    def speaker(self, organization: str) -> InventedPerson:
        """Return the person who speaks for an organization."""
        if organization not in self.speakers:
            self.speakers[organization] = self.person()
        return self.speakers[organization]

    def maybe(self, things: list[str], chance: float) -> str:
        return self.dice.choice(things) if self.dice.random() < chance else ""
