"""Text as it is searched, and how long it may be."""

import unicodedata

LONG_TEXT = 20_000
"""Characters of the longest text that people write."""
_DOTLESS = str.maketrans({"ı": "i", "İ": "i", "I": "i"})


def fold(*texts: str) -> str:
    """`texts` on one line without case and accents: "istanbul" is in "İSTANBUL", and "isik" in "IŞIK".

    Dotted and dotless i are one letter: people search in both languages, on both keyboards.
    """
    plain = " ".join(texts).translate(_DOTLESS).casefold()
    letters = (letter for letter in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(letter))
    return " ".join("".join(letters).split())
