"""Figures as pieces of a page: SVG that takes the page's colours.

Text, axes and ticks have the colour of the page's text, and white is the
page's own ground. Every other colour has a counterpart for the dark page, of
the same hue, that the browser takes there. Pictures inside a figure, such as
heat maps, stay pixels: on the dark page the greater value is the brighter one,
so the colours of a map that gets darker are exchanged as well.

Letters are outlines, so that a page looks the same where a font is missing.
"""

import base64
import hashlib
import html
import io
import json
import re
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex, to_rgb
from matplotlib.contour import ContourSet
from PIL import Image

from .narrow import narrow

# As few decimals as nobody sees: a tenth of a point, less in what is small.
DECIMALS, FINE = 1, 2
HREF = "{http://www.w3.org/1999/xlink}href"
WEBP = "data:image/webp;base64,"
FALLING = "falling"
# What a figure shows within its axes: a page can leave it out, to ask for it.
DRAWN = "drawn"
# What stays in the empty axes, by an author's `artist.set_gid("given")`.
GIVEN = "given"
# The forms of a figure, told apart by the book's style sheet, without which
# nobody sees the one for a phone.
MARKS = ' data-form="desk"', ' data-form="phone" display="none"'
# Width and height of a sketch, in pixels of the page.
SKETCH = 72, 36

# Okabe and Ito's colours need a lightness that people see; this is Oklab's,
# https://bottosson.github.io/posts/oklab.
TO_CONES = np.array(
    [
        [0.4122214708, 0.2119034982, 0.0883024619],
        [0.5363325363, 0.6806995451, 0.2817188376],
        [0.0514459929, 0.1073969566, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 1.9779984951, 0.0259040371],
        [0.7936177850, -2.4285922050, 0.7827717662],
        [-0.0040720468, 0.4505937099, -0.8086757660],
    ]
)
# The lightness of black and of white on the dark page.
INK, GROUND = 0.94, 0.21


def dark(colours):
    """Return the counterparts of colours on a dark page.

    Hue and saturation stay, as far as a screen can show them; the lighter of
    two colours becomes the darker one.

    Parameters
    ----------
    colours : ndarray of shape (..., 3)
        Red, green and blue, from 0 to 1.

    Returns
    -------
    ndarray of shape (..., 3)
        Colours whose contrast with the dark page is that of the originals
        with white, or better.

    Examples
    --------
    >>> dark(np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])).round(2)
    array([[0.09, 0.09, 0.09],
           [0.92, 0.92, 0.92]])
    """
    colours = np.asarray(colours, dtype=float)
    linear = np.where(
        colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4
    )
    lab = np.cbrt(linear @ TO_CONES) @ TO_LAB
    # The square lets lines of middle lightness become light.
    lab[..., 0] = INK - (INK - GROUND) * lab[..., 0] ** 2
    cones = (lab @ np.linalg.inv(TO_LAB)) ** 3
    linear = np.clip(cones @ np.linalg.inv(TO_CONES), 0, 1)
    return np.where(
        linear <= 0.0031308,
        12.92 * linear,
        1.055 * linear ** (1 / 2.4) - 0.055,
    )


class Drawing:
    """What figures of one size consist of.

    Figures that are added one after another, such as the frames of an
    explorer, share their definitions: letters, markers and frames of axes.

    Attributes
    ----------
    definitions : dict
        Name: element.
    colours : dict
        Colour on a light page: its counterpart on a dark one.
    size : (float, float)
        Width and height in points.
    shown : (int, int)
        Width and height in pixels of the page.
    """

    def __init__(self):
        self.definitions, self.colours, self.size = {}, {}, (0, 0)

    def add(self, fig):
        """Draw a figure; return the elements that it shows, as text.

        Parameters
        ----------
        fig : matplotlib.figure.Figure
            The figure; all have one width.

        Returns
        -------
        list of str
            The elements, in the order in which they cover each other.
        """
        for ax in fig.axes:
            maps = [c for c in ax.collections if _is_map(c)]
            for each in maps:
                each.set_rasterized(True)
            if any(_falls(each.cmap) for each in [*ax.images, *maps]):
                ax.set_gid(FALLING)
        root = ElementTree.fromstring(_document(fig))
        size = tuple(float(root.get(a)[:-2]) for a in ("width", "height"))
        if size > self.size:
            # There is room for the tallest.
            self.size = size
            self.shown = tuple(np.round(fig.get_size_inches() * fig.dpi, 0))
        self._define(root)
        return list(self._shown(root))

    def _define(self, root):
        """Take the definitions out of the tree."""
        for parent in list(root.iter()):
            for defs in [n for n in parent if _name(n) == "defs"]:
                parent.remove(defs)
                for node in defs:
                    if _name(node) == "path":
                        # A space has no outline, but must say so.
                        node.attrib.setdefault("d", "")
                    if name := node.get("id"):
                        self.definitions[name] = self._text(node, FINE)

    def _shown(self, node, falling=False):
        """Yield the elements below a node, without groups that do nothing."""
        drawn = False
        for child in node:
            if drawn != (child.get("id") == DRAWN):
                drawn = not drawn
                yield f"<g class='{DRAWN}'>" if drawn else "</g>"
            falls = falling or child.get("id") == FALLING
            child.attrib.pop("id", None)
            if _name(child) == "path" and not child.get("d"):
                continue  # A line without points.
            if _name(child) == "image":
                yield from self._image(child, falls)
            elif _name(child) == "g" and not child.attrib:
                yield from self._shown(child, falls)
            elif _name(child) == "g" and child.find("{*}image") is not None:
                yield self._start(child, DECIMALS) + ">"
                yield from self._shown(child, falls)
                yield "</g>"
            elif child.get("style") != "fill: none":
                yield self._text(child, DECIMALS)
        if drawn:
            yield "</g>"

    def _image(self, node, falling):
        """Yield a picture; one that falls once for each kind of page."""
        source = node.attrib.pop(HREF).partition(",")[2]
        file = io.BytesIO(base64.b64decode(source))
        pixels = np.array(Image.open(file).convert("RGBA"))
        if not falling:
            yield f"{self._start(node, FINE)} href='{_source(pixels)}'/>"
            return
        turned = pixels.copy()
        turned[..., :3] = np.round(255 * dark(pixels[..., :3] / 255))
        for name, seen in (("on-light", pixels), ("on-dark", turned)):
            node.set("class", name)
            yield f"{self._start(node, FINE)} href='{_source(seen)}'/>"

    def _text(self, node, decimals):
        """Write an element and what it holds, without white space."""
        styles = {child.get("style", "opacity") for child in node}
        if "style" not in node.attrib and len(styles) == 1:
            # Written once for many points, unless they shine through.
            (style,) = styles
            if "opacity" not in style:
                node.set("style", style)
                for child in node:
                    child.attrib.pop("style")
        # Letters are scaled; what they are made of counts in small units.
        inside = "".join(self._text(child, FINE) for child in node)
        start = self._start(node, decimals)
        return f"{start}>{inside}</{_name(node)}>" if inside else f"{start}/>"

    def _start(self, node, decimals):
        """Write the start tag of an element, but for its last sign.

        JSON would have to mark double quotes.
        """
        found = []
        for name, value in node.attrib.items():
            if name == "d":
                value = _path(value, decimals)
            elif name in ("x", "y", "width", "height"):
                value = _cut(value, decimals)
            elif name == "transform":
                value = re.sub(
                    r"(?<=translate\()[^)]*",
                    lambda m: _cut(m[0], decimals),
                    value,
                )
            elif name in ("style", "fill", "stroke"):
                value = self._style(value)
            elif name == "id":
                value = f"@{value}"
            # Names of other things get their mark, too.
            value = value.replace("url(#", "url(#@")
            if name == HREF:
                name, value = "href", value.replace("#", "#@", 1)
            found.append(f" {name}='{value}'")
        return f"<{_name(node)}{''.join(found)}"

    def _style(self, style):
        """Let the colours of a style follow the page."""
        coloured = re.sub("#[0-9a-f]{6}", self._colour, style)
        return coloured.replace(": ", ":").replace("; ", ";")

    def _colour(self, found):
        colour = found[0]
        if colour == "#000000":
            return "currentColor"
        if colour == "#ffffff":
            return "var(--pst-color-background,#fff)"
        self.colours[colour] = to_hex(dark(to_rgb(colour)))
        return f"var(--{colour[1:]},{colour})"

    def svg(self, elements, attributes=""):
        """Return an SVG element for a page.

        Parameters
        ----------
        elements : sequence of str
            What it shows, from `add`.
        attributes : str, optional
            More attributes of the element.

        Returns
        -------
        str
            One element, whose last child holds what is shown.
        """
        width, height = self.size
        # Written by every picture, since a page has no other place for them;
        # all agree.
        rules = "".join(
            f"--{light[1:]}:{dark};"
            for light, dark in sorted(self.colours.items())
        )
        style = f"html[data-theme=dark]{{{rules}}}" if rules else ""
        return (
            f'<svg{attributes} viewBox="0 0 {width:g} {height:g}" '
            f'width="{self.shown[0]:g}" height="{self.shown[1]:g}" '
            f'fill="currentColor" stroke-linejoin="round">'
            f"<style>{style}</style>"
            f"<defs>{''.join(self.definitions.values())}</defs>"
            f"<g>{''.join(elements)}</g></svg>"
        )


def own_names(texts):
    """Give the elements in texts of one page names that no other has.

    Parameters
    ----------
    texts : sequence of str
        What belongs together, as `Drawing` writes it.

    Returns
    -------
    list of str
        The same with short names, which depend on the texts alone.
    """
    digest = hashlib.sha256("".join(texts).encode()).hexdigest()[:6]
    names = {}

    def rename(found):
        number = names.setdefault(found[0], len(names))
        return f"f{digest}-{number}"

    return [re.sub(r"(?<=['#])@[\w-]+", rename, text) for text in texts]


def picture(fig, marked=False):
    """Return a figure as an SVG document.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        The figure.
    marked : bool, optional
        Whether it says where its axes are, and has what they show in groups
        of its own, so that a page can ask for a line in the empty axes. What
        its author has marked with ``artist.set_gid("given")`` is not among
        these, nor are its names in legends.

    Returns
    -------
    str
        A document that may also be put into a page. Its form for a phone, if
        it has one, is kept as metadata, which nobody sees; a page that has
        room for one of the two can take it out with `both_forms`.
    """
    if marked:
        _mark(fig)

    def element(fig, attributes):
        drawing = Drawing()
        elements = drawing.add(fig)
        if marked:
            places = html.escape(json.dumps([axes(ax) for ax in fig.axes]))
            attributes += f' data-axes="{places}"'
        return own_names([drawing.svg(elements, attributes)])[0]

    desk, *phone = forms(
        fig,
        lambda fig: element(fig, ' xmlns="http://www.w3.org/2000/svg"'),
        lambda fig: element(fig, MARKS[1]),
    )
    if not phone:
        return desk
    return (
        f"{desk.removesuffix('</svg>')}<metadata>{phone[0]}</metadata></svg>"
    )


def _mark(fig):
    """Mark what a figure shows, but for what is given."""
    shown = [
        artist
        for ax in fig.axes
        for artist in (*ax.lines, *ax.collections, *ax.patches, *ax.texts)
    ]
    given = {each.get_label() for each in shown if each.get_gid() == GIVEN}
    for legend in [*fig.legends, *(ax.get_legend() for ax in fig.axes)]:
        if legend is None:
            continue
        names = legend.get_texts()
        if given.isdisjoint(name.get_text() for name in names):
            shown.append(legend)
            continue
        for handle, name in zip(legend.legend_handles, names):
            if name.get_text() not in given:
                shown += handle, name
    for artist in shown:
        if artist.get_gid() != GIVEN:
            artist.set_gid(DRAWN)


def axes(ax):
    """Return where axes are in their figure's SVG, and what they measure.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes of a figure that was drawn.

    Returns
    -------
    list
        For x and for y: where the axis begins and ends in the picture, the
        values there, the name of its scale, and its label.

    Examples
    --------
    >>> fig, ax = plt.subplots(figsize=(4, 2))
    >>> ax.set_position([0.25, 0.25, 0.5, 0.5])
    >>> _ = ax.set(xlim=(0, 8), xlabel="layer", ylim=(0.1, 10), yscale="log")
    >>> axes(ax)[0]
    [72.0, 216.0, 0.0, 8.0, 'linear', 'layer']
    >>> axes(ax)[1]
    [108.0, 36.0, 0.1, 10.0, 'log', '']
    >>> plt.close(fig)
    """
    box = ax.get_position()
    width, height = 72 * ax.figure.get_size_inches()
    ends = (
        (box.x0 * width, box.x1 * width),
        ((1 - box.y0) * height, (1 - box.y1) * height),
    )
    return [
        [
            *(round(float(end), 1) for end in where),
            *(float(f"{end:.6g}") for end in axis.get_view_interval()),
            axis.get_scale(),
            axis.get_label().get_text(),
        ]
        for where, axis in zip(ends, (ax.xaxis, ax.yaxis))
    ]


def forms(fig, desk, phone):
    """Draw a figure as it is and, if that differs, as a phone shows it.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
        The figure.
    desk, phone : callable
        What draws the one and the other: it takes the figure, laid out.

    Returns
    -------
    list
        What the first has returned and, if there is a form for a phone, what
        the second has.
    """
    found = [desk(fig)]
    with narrow(fig) as differs:
        if differs:
            found.append(phone(fig))
    return found


def both_forms(text, attributes):
    """Take the form for a phone out of a figure, for a page that shows one.

    Parameters
    ----------
    text : str
        What `picture` returned.
    attributes : str
        More attributes of both forms.

    Returns
    -------
    str
        One SVG element, or two, of which the style sheet shows one.
    """
    wide, _, phone = text.partition("<metadata>")
    phone = phone.removesuffix("</metadata></svg>")
    if phone:
        wide = wide.replace("<svg", f"<svg{MARKS[0]}", 1) + "</svg>"
    return (wide + phone).replace("<svg ", f"<svg {attributes} ")


def sketch(x, *curves, low, high):
    """Return a small drawing of curves, for a cell of a table.

    Parameters
    ----------
    x : array_like of shape (n,)
        Where they are given.
    *curves : array_like of shape (n,)
        Their values; the first is drawn as a line, the others are dashed.
    low, high : float
        The lowest and the highest value shown.

    Returns
    -------
    str
        An SVG element in the colour of the text, which readers of screens
        leave out; thin lines stand where x or the value is 0.

    Examples
    --------
    >>> sketch([-1, 0, 1], [0, 0, 1], low=0, high=1).count("polyline")
    1
    """
    x = np.asarray(x, dtype=float)
    across, up = SKETCH[0] / np.ptp(x), SKETCH[1] / (high - low)
    right, down = -x.min() * across, high * up
    lines = [
        f'<path d="M0 {down:.1f}H{SKETCH[0]}M{right:.1f} 0V{SKETCH[1]}" '
        'stroke-width="0.5"/>'
    ]
    for number, y in enumerate(curves):
        places = zip((x - x.min()) * across, (high - np.asarray(y)) * up)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        dash = ' stroke-dasharray="3 2"' if number else ""
        lines.append(f'<polyline points="{points}" stroke-width="1.5"{dash}/>')
    return (
        f'<svg aria-hidden="true" width="{SKETCH[0]}" height="{SKETCH[1]}" '
        f'viewBox="0 0 {SKETCH[0]} {SKETCH[1]}" fill="none" '
        f'stroke="currentColor">{"".join(lines)}</svg>'
    )


def _document(fig):
    """Draw a figure with matplotlib; return the text of its SVG file."""
    file, engine = io.StringIO(), fig.get_layout_engine()
    if engine:
        engine.execute(fig)
    settings = {
        "svg.hashsalt": "",
        "svg.fonttype": "path",
        "figure.constrained_layout.use": False,
    }
    with plt.rc_context(settings):
        # As long as a figure has an engine, savefig draws everything twice.
        fig.set_layout_engine(None)
        fig.savefig(
            file,
            format="svg",
            metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")),
            transparent=True,
            dpi=1.5 * fig.dpi,
        )
    if engine:
        fig.set_layout_engine(engine)
    return file.getvalue()


def _name(node):
    return node.tag.rpartition("}")[2]


def _is_map(collection):
    """Tell whether a collection is so many shapes that pixels weigh less."""
    if isinstance(collection, ContourSet):
        return collection.filled
    return isinstance(collection, QuadMesh)


def _falls(cmap):
    """Tell whether the greater value of a colour map is not the brighter."""
    least, greatest = (
        np.dot(cmap(v)[:3], [0.2, 0.7, 0.1]) for v in (0.0, 1.0)
    )
    return greatest <= least


def _cut(numbers, decimals):
    """Shorten numbers that are separated by space."""
    return " ".join(
        f"{round(float(number), decimals) + 0:.12g}"
        for number in numbers.replace(",", " ").split()
    )


def _path(path, decimals):
    """Shorten a path; a letter that repeats is written once."""
    found, last = [], None
    for letter, numbers in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
        numbers = _cut(numbers, decimals)
        repeats = letter == last and letter in "LQC"
        found.append((" " if repeats else letter) + numbers)
        last = letter
    return "".join(found)


def _source(pixels):
    """Return the address of a picture that holds its pixels itself."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "webp", lossless=True)
    return WEBP + base64.b64encode(file.getvalue()).decode()
