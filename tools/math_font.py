"""The font of the formulas: what of STIX Two Math the pages need.

::

    python -m tools.math_font STIXTwoMath-Regular.ttf

writes `_static/stix-two-math.woff2` anew, for instance after a formula brought
a sign that the font lacks. The full font is at
https://github.com/stipub/stixfonts.
"""

import sys

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from tools.paths import ROOT

FONT = ROOT / "_static" / "stix-two-math.woff2"
ITALIC = [0x1D434 + i for i in range(52)] + [0x210E]
GREEK = [*range(0x391, 0x3CA), *range(0x1D6E2, 0x1D71C), 0x3D5, 0x3F5]
SIGNS = "±×÷ˆ¯‖…′″ℓℝ←↑→↓↔↦⇒∀∂∇∈∉∏∑−∓∗∘√∝∞∫∼≈≠≡≤≥≪≫⊗⊙⊤⋅⋯⌈⌉⌊⌋⏞⏟⟨⟩𝔼"
ACCENTS = range(0x300, 0x305)
INVISIBLE = [0xA0, *range(0x2061, 0x2065)]
CHARACTERS = {
    *range(0x20, 0x7F),
    *ITALIC,
    *GREEK,
    *map(ord, SIGNS),
    *ACCENTS,
    *INVISIBLE,
}


def main(path):
    """Write the part of the font at `path` that the pages need."""
    font = TTFont(path)
    # In a superscript, which is where primes are, TeX takes another glyph.
    # Browsers do not, so it becomes the only one.
    for record in font["GSUB"].table.FeatureList.FeatureRecord:
        if record.FeatureTag == "ssty":
            lookups = record.Feature.LookupListIndex
    for index in lookups:
        for table in font["GSUB"].table.LookupList.Lookup[index].SubTable:
            for cmap in font["cmap"].tables:
                for prime in (0x2032, 0x2033):
                    name = cmap.cmap.get(prime)
                    if name in getattr(table, "alternates", {}):
                        cmap.cmap[prime] = table.alternates[name][0]
    subsetter = Subsetter(Options(layout_features=["kern"]))
    subsetter.populate(unicodes=CHARACTERS)
    subsetter.subset(font)
    font.flavor = "woff2"
    font.save(FONT)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
