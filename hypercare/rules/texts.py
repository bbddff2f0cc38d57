"""Text as it is searched, and how long it may be."""

import unicodedata

LONG_TEXT = 20_000  # not tunable: of the API, as its schema says
"""Characters of the longest text that people write."""
_DOTLESS = str.maketrans({"ı": "i", "İ": "i", "I": "i"})
_TURKISH = str.maketrans({"İ": "i", "I": "ı"})
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_ALPHABETS = {"tr": "abcçdefgğhıijklmnoöpqrsştuüvwxyz"}


def fold(*texts: str) -> str:
    """`texts` on one line without case and accents: "istanbul" is in "İSTANBUL", and "isik" in "IŞIK".

    Dotted and dotless i are one letter: people search in both languages, on both keyboards.
    """
    plain = " ".join(texts).translate(_DOTLESS).casefold()
    letters = (letter for letter in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(letter))
    return " ".join("".join(letters).split())


def in_alphabet(text: str, language: str) -> tuple[list[int], str]:
    """The key that sorts names as `language` does: in Turkish "Çin" after "Cibuti", "Irak" before "İran".

    Case and what is no letter do not count; a letter of another alphabet counts as the one it is made from.
    """
    alphabet = _ALPHABETS.get(language, _LATIN)
    low = (text.translate(_TURKISH) if language == "tr" else text).lower()
    letters = (letter if letter in alphabet else unicodedata.normalize("NFD", letter)[0] for letter in low)
    return [alphabet.find(letter) for letter in letters if letter in alphabet or letter == " "], text
