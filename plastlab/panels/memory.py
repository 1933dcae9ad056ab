"""What a kernel remembers of the answers that were given in it."""

from typing import Any


class Memory:
    """Answers and outcomes of this session, as a reader's record keeps them for longer."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._kept: list[dict[str, Any]] = []

    def answers(self, page: str, question: str) -> list[dict[str, Any]]:
        """Return the answers to a question, oldest first."""
        asked = {"kind": "answer", "page": page, "question": question}
        return [entry for entry in self._kept if asked.items() <= entry.items()]

    def keep(self, kind: str, **fields: Any) -> str:
        """Keep an entry, and return what went wrong: nothing."""
        self._kept.append({"kind": kind, **fields})
        return ""
