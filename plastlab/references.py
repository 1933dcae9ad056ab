"""The papers that the book cites, read from a BibTeX file."""

import re
from dataclasses import dataclass
from pathlib import Path

ENTRY = re.compile(r"^@(\w+)\s*\{\s*([^,\s]+)\s*,", re.MULTILINE)
FIELD = re.compile(r"^\s*(\w+)\s*=\s*\{(.*)\},?\s*$")
ACCENTS = {
    "\\'a": "á",
    '\\"o': "ö",
    '\\"u': "ü",
    "\\^o": "ô",
    "\\'e": "é",
    "\\'s": "ś",
    "\\'n": "ń",
    "\\l": "ł",
}


@dataclass(frozen=True)
class Reference:
    """One paper. `authors` are "Family, Given"; `link` is a DOI or arXiv address, or ""."""

    key: str
    authors: tuple[str, ...]
    year: str
    title: str
    venue: str
    link: str

    @property
    def short(self) -> str:
        """As cited in a sentence: "Ash and Adams (2020)"."""
        families = [author.split(",")[0] for author in self.authors]
        if len(families) > 3:
            return f"{families[0]} et al. ({self.year})"
        listed = " and ".join(filter(None, [", ".join(families[:-1]), families[-1]]))
        return f"{listed} ({self.year})"

    @property
    def full(self) -> str:
        """As printed in a list of references, in Markdown."""
        authors = "; ".join(self.authors)
        text = f"{authors} ({self.year}). {self.title}. *{self.venue}*."
        return f"{text} <{self.link}>" if self.link else text


def read_references(path: Path) -> dict[str, Reference]:
    """The entries of a BibTeX file that has one field a line, by key.

    Raises:
        ValueError: a key that occurs twice, or an entry without author, title, year or venue.
    """
    text = path.read_text(encoding="utf-8")
    starts = list(ENTRY.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    references: dict[str, Reference] = {}
    for match, end in zip(starts, ends, strict=True):
        key = match[2]
        if key in references:
            raise ValueError(f"{path.name}: the key {key} occurs twice. Keep one of the entries.")
        references[key] = _reference(path.name, key, text[match.end() : end])
    return references


def _reference(file: str, key: str, body: str) -> Reference:
    fields = {m[1].lower(): _plain(m[2]) for m in map(FIELD.match, body.splitlines()) if m}
    venue = fields.get("journal") or fields.get("booktitle") or fields.get("howpublished")
    missing = [name for name in ("author", "title", "year") if name not in fields]
    missing += [] if venue else ["journal or booktitle"]
    if missing:
        raise ValueError(f"{file}: the entry {key} lacks {', '.join(missing)}.")
    authors = tuple(fields["author"].split(" and "))
    return Reference(key, authors, fields["year"], fields["title"], venue, _link(fields))


def _link(fields: dict[str, str]) -> str:
    if "doi" in fields:
        return f"https://doi.org/{fields['doi']}"
    if "eprint" in fields:
        return f"https://arxiv.org/abs/{fields['eprint']}"
    return fields.get("url", "")


def _plain(text: str) -> str:
    for code, letter in ACCENTS.items():
        text = text.replace(f"{{{code}}}", letter)
    return text.replace("{", "").replace("}", "").replace("--", "-")
