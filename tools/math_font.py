"""The font of the formulas: what of STIX Two Math the pages need.

::

    python -m tools.math_font STIXTwoMath-Regular.ttf

writes `_static/stix-two-math.woff2` anew, for instance after a formula brought
a sign that the font lacks. The full font is at
https://github.com/stipub/stixfonts. Its part may be cut again, too: the signs
that it has stay as they are.

The square roots are drawn anew. Chromium hangs a root's sign from its bar,
however much too long it is, where TeX centres it; the font's shortest is right
for a capital with an index. And Chromium leaves room for the widest of all its
signs, whichever it takes. So here one sign comes in many lengths and one width.
"""

import sys

from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables.otTables import MathGlyphVariantRecord

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

# The font's own sign, without the piece of bar at its end, which Chromium
# would draw below the bar; heights count from its foot.
ROOT_SIGN = [
    *[(667, 1187), (731, 1187), (413, 0), (371, 0), (138, 584), (34, 544)],
    *[(18, 572), (177, 682), (197, 682), (395, 172), (399, 172)],
]
ROOT_HEIGHT = 1187
# Where the bar begins, over the end of the sign.
ROOT_WIDTH = 720
# From one low letter to three lines, in thousandths of an em.
ROOT_HEIGHTS = [*range(650, 1700, 75), 1850, 2100, 2400, 2800]
# Between a radicand and its bar, of which Chromium draws half lower.
ROOT_GAP = 115


def main(path):
    """Write the part of the font at `path` that the pages need."""
    font, lookups = TTFont(path), []
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
    redraw_roots(font)
    subsetter = Subsetter(Options(layout_features=["kern"]))
    subsetter.populate(unicodes=CHARACTERS)
    subsetter.subset(font)
    font.flavor = "woff2"
    font.save(FONT)


def redraw_roots(font):
    """Exchange the signs of square roots; the shortest is the plain one."""
    base = font.getBestCmap()[0x221A]
    math = font["MATH"].table
    math.MathConstants.RadicalVerticalGap.Value = ROOT_GAP
    place = math.MathVariants.VertGlyphCoverage.glyphs.index(base)
    signs = math.MathVariants.VertGlyphConstruction[place]
    signs.GlyphAssembly = None
    signs.MathGlyphVariantRecord = []
    for height in ROOT_HEIGHTS:
        name = f"{base}.{height}" if signs.MathGlyphVariantRecord else base
        pen = TTGlyphPen(None)
        pen.moveTo(stretched(ROOT_SIGN[0], height))
        for point in ROOT_SIGN[1:]:
            pen.lineTo(stretched(point, height))
        pen.closePath()
        font["glyf"][name] = pen.glyph()
        font["hmtx"][name] = (ROOT_WIDTH, min(x for x, _ in ROOT_SIGN))
        record = MathGlyphVariantRecord()
        record.VariantGlyph, record.AdvanceMeasurement = name, height
        signs.MathGlyphVariantRecord.append(record)
    font.setGlyphOrder(font["glyf"].glyphOrder)


def stretched(point, height):
    """Return where a point of the sign lies if the sign has a height."""
    return point[0], round(point[1] * height / ROOT_HEIGHT)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
