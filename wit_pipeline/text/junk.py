"""Texts that say nothing about an image: file names, camera names, dates, addresses, boilerplate.

All tests are on cleaned text and linear in its length: patterns are anchored and tokens are looked up in
tables, so that no text from the web makes them slow.
"""

import re
from urllib.parse import unquote

from wit_pipeline.text.scripts import UNSPACED


def _table(separator: str, text: str) -> frozenset[str]:
    return frozenset(re.split(separator, text))


SUFFIX = r"(?:jpe?g|jfif|png|gif|webp|bmp|tiff?|svg|heic|avif|raw|cr2|nef|psd)"
COUNTER = r"(?:img|dsc[nf]?|pict|p|imgp|cimg|mvc|wp|pxl|vid|dji|gopr|screen ?shot|image|photo|picture|foto)"
FILE_NAME = re.compile(
    rf"""
      [\w\-.,()\[\]+%&@~\ ]* \. {SUFFIX}            # what ends like an image file
    | {COUNTER} [\s_\-]* \d [\d\s_\-]*              # what a camera or a program counts
    | (?=\S*\d{{4}}) (?:[^\W{UNSPACED}]|-){{8,}} # one long word with a number in it
    | [\d\s_\-:./,#()+×%°$€£]+                      # nothing but numbers
    """,
    re.VERBOSE | re.IGNORECASE,
)
URL = re.compile(
    r"\b(?:https?://|www\.)\S+|\b(?:[a-z0-9-]{1,63}\.){1,6}(?:com|org|net|info|edu|gov)\b(?:/\S*)?", re.I
)
DIGIT = re.compile(r"\d")
TOKEN = re.compile(r"[^\W\d_]+|\d+")
DATE_WORDS = _table(
    r"\s+",
    """january february march april may june july august september october november december
    jan feb mar apr jun jul aug sep sept oct nov dec
    monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun
    st nd rd th of at on the am pm a p m t z utc gmt est edt pst pdt cet cest bst""",
)
CAMERA_MAKERS = _table(
    r"\s+",
    """canon nikon sony olympus pentax fuji fujifilm panasonic leica kodak samsung casio minolta konica ricoh
    sigma tamron tokina hasselblad gopro lumix eos powershot coolpix cybershot cyber-shot finepix easyshare
    nikkor""",
)
CAMERA_FILLERS = _table(
    r"\s+",
    """iso mark mk i ii iii iv l af-s afs ef efs ef-s dx fx vr is usm ed if lens at @ with and exposure
    aperture focal length shutter speed flash tripod handheld digital camera ev s sec second seconds mm rebel
    alpha corporation company""",
)
CAMERA_SETTING = re.compile(
    r"f/?\d+(?:[.,]\d+)?(?:-\d+(?:[.,]\d+)?)?l?|iso-?\d{2,6}|1/\d{1,5}s?(?:ec)?|\d+(?:[.-]\d+)?mm"
)
CAMERA_NUMBER = re.compile(r"[a-z]{0,5}-?\d+(?:[.,]\d+)?[a-z]{0,3}|[+-]?\d(?:[./]\d)?ev|\d+(?:[.,/]\d+)?s?")
CAMERA_STARTS = (  # how texts begin that a camera or a program signs with, those before "camera" excepted
    "sony dsc", "samsung camera", "dcf 1", "exif", "dcim", "creator:", "file written", "lead technologies",
    "acd", "processed with", "optimized by", "created with",
)  # fmt: skip
CAMERA_TEXTS = re.compile(
    r"""
      (?:[\w-]+\s){0,2} digital \s (?:still \s)? camera | sony \s dsc | samsung \s camera \s pictures?
    | dcf \s 1\.0 | exif[_ ]jpeg\w* | dcim\w* | creator:\s?gd-jpeg .* | file \s written \s by \s adobe .*
    | lead \s technologies .* | acd \s?see .* | processed \s with \s .* | optimized \s by \s .*
    | created \s with \s (?:the \s)? gimp .*
    """,
    re.VERBOSE,
)
PART = re.compile(r"[^\s,;:|()\[\]]+")
MOST_CAMERA = 120  # characters of what may be a camera and its settings
STOCK = _table(
    r"\s*\|\s*",
    """image|images|photo|photos|picture|pictures|pic|img|thumbnail|thumb|logo|icon|avatar|banner |
    placeholder|spacer|blank|untitled|default|none|null|undefined|nan|caption|alt|alt text|screenshot |
    gallery|slideshow|slide|hero|background|figure|advertisement|ad|ads|sponsor|share|facebook|twitter |
    instagram|pinterest|youtube|linkedin|whatsapp|email|print|rss|menu|search|close|home|next|previous |
    play|pause|loading|arrow|download|featured image|main image|hero image|header image |
    background image|cover image|blog image|post image|post thumbnail|article image|image description |
    image caption|no data|no data available|no caption available|no description available |
    no image available|no photo available|no picture available|no alt text provided|no alt text available |
    no alternative text|no content|no info|no information |
    company logo|site logo|website logo|brand logo|header logo|footer logo|no image |
    no photo|no picture|your browser does not support the video tag|click here|read more|learn more |
    buy now|add to cart|sign in|log in|sign up|subscribe|follow us|share this|share on facebook |
    share on twitter|share on pinterest|tweet this|back to top|scroll to top|skip to content|show more |
    view all|see more|user avatar|profile picture|profile photo|profile image|author photo|author image |
    social media icons|image not found|image not available|image unavailable|image coming soon |
    photo coming soon|n/a|not provided|not available|not applicable|none provided|no caption |
    no description|no title|no alt text|no alt|no text|no name|unknown|unnamed|tbd|tba|todo|empty|false |
    true|nil|void|[object object]|object object|lorem ipsum|missing|-""",
)
BOILERPLATE = re.compile(
    r"""
      (?:image|photo|picture) \s may \s contain \b .*
    | no \s (?:photo|image) \s description \s available .*
    | may \s be \s an? \s (?:[\w-]+\s){0,3}?
      (?:image|illustration|close-?up|meme|cartoon|graphic|selfie) \s of \b .*
    | (?:this|the) \s image \s has \s an \s empty \s alt \s attribute .*
    | (?:click|tap|press|hover|roll \s over) \b .{0,40} \b
      (?:enlarge|zoom|expand|larger|full \W? size|play|return|go \s back) .{0,40}
    | (?:view|show|see|open|enlarge|zoom) \s (?:\w+\s){0,3}
      (?:images?|pictures?|photos?|gallery|slideshow|size) \W*
    | (?:loading|please \s wait|advertisement|sponsored) \b .{0,20}
    | (?:image|photo|picture|thumbnail|slide|figure|fig\.?|banner|logo) \s* (?:no\.?|nr\.?|number|\#)? \s*
      \d{1,4} (?:\s (?:of|/) \s \d{1,4})? \W*
    """,
    re.VERBOSE,
)


# What templates leave where they were not run: of Angular, Vue, Handlebars, Jinja, Liquid, ERB, PHP, Smarty,
# JavaScript, Polymer, Template Toolkit and mail programs.
TEMPLATE = re.compile(
    r"""
      \{\{ .*? (?:\}\}|\Z) | \{% .{0,200}? %\} | [$\#]\{ [^{}]* \} | \{ \$ [\w.\->\[\]'"|]+ \}
    | <% .*? (?:%>|\Z) | <\?(?:php|=) .* | \[\[ [\w\s.$|:()'"-]+ \]\] | %%? [A-Za-z_][\w.]* %%
    | \[%[-+=]? .{0,200}? %\] | \*\| [A-Z_:]+ \|\* | \[object\ \w+\]
    """,
    re.VERBOSE | re.DOTALL,
)
# What stands where a whole text should: of .NET and Python, of printf, of Razor, of PHP, of ColdFusion.
PLACE = re.compile(
    r"""
      \{ [\w.:-]+ \} | %(?:\d\$)?[sd@] | @\(? (?:Model|Html|ViewBag|ViewData|Url|item) [.(\[] .*
    | \$ [A-Za-z_]\w* (?:->\w+|\[\S+\])* | \# [A-Za-z_][\w.]* \# | __ [A-Za-z]\w* __
    """,
    re.VERBOSE | re.DOTALL,
)
MARKED = frozenset("{%@$#_")  # how those begin
# And in an address, where other braces are those of GUIDs.
PLACE_IN_URL = re.compile(
    r"""
      \{ [A-Za-z_][\w.]* \} | @\(?(?:Model|Html|ViewBag|ViewData|Url|item) [.(\[] [A-Z]
    | (?:\A|/) (?: __ [A-Z][A-Z0-9_]* __ | %(?:\d\$)?[sd] | \{ \d\d? \} ) (?:\.\w{1,5})? (?=\Z|[/?\#])
    """,
    re.VERBOSE,
)
NOTHINGS = frozenset(
    ("undefined", "null", "nan", "undefined.jpg", "undefined.jpeg", "undefined.png", "undefined.webp")
)
# Values that are nothing, as a name and as a part before it.
NO_PART = re.compile(
    r"(?:\A|/)(?:undefined|null)/|(?:\A|/)(?:\[|%5b)object(?: |%20)\w+(?:\]|%5d)", re.IGNORECASE
)
CODED = re.compile(r"%(?:7B|3C|5B|25|[%sd]|\d\$)", re.IGNORECASE)  # what such a mark is in an address


def is_no_address(url: str) -> bool:
    """Whether a URL was made where a program had none: a template's place, or a value that is nothing.

    >>> [is_no_address(f"https://a.test/{name}") for name in ("%7B%7Bimg%7D%7D", "undefined?w=9", "null.jpg")]
    [True, True, False]
    """
    path = url.partition("?")[0].partition("#")[0].rstrip("/")
    name = path[path.rfind("/") + 1 :].lower()
    if name in NOTHINGS or NO_PART.search(path) is not None:
        return True
    odd = "{" in url or "[" in url or "<" in url or "__" in url or "@" in url
    if not (odd or ("%" in url and CODED.search(url) is not None)):  # as nearly all
        return False
    url = unquote(url)
    return is_template(url) or PLACE_IN_URL.search(url) is not None


def is_file_name(caption: str) -> bool:
    """Whether a caption is what a camera or a file system called the image.

    >>> [is_file_name(text) for text in ("DSC_0042", "20160716 113957.JPG", "A dog, 2016")]
    [True, True, False]
    """
    if "." not in caption[-6:] and not DIGIT.search(caption):
        return False
    return FILE_NAME.fullmatch(caption) is not None


def is_date(caption: str) -> bool:
    """Whether a caption is a date, with its time or without.

    >>> [is_date(text) for text in ("Sat, 12 March 2014", "2014-03-12T10:30Z", "March of the penguins 2")]
    [True, True, False]
    """
    if not DIGIT.search(caption):
        return False
    tokens = TOKEN.findall(caption.lower())
    return len(tokens) > 1 and all(token in DATE_WORDS or token.isdigit() for token in tokens)


def is_camera(caption: str) -> bool:
    """Whether a caption is a camera's name, its settings, or what its program signs with.

    >>> [is_camera(text) for text in ("OLYMPUS DIGITAL CAMERA", "Nikon D90, 50mm, f/2.8", "a Canon in D")]
    [True, True, False]
    """
    if len(caption) > MOST_CAMERA:
        return False
    text, signs = caption.lower(), 0
    if text.endswith("camera") or text.startswith(CAMERA_STARTS):
        return CAMERA_TEXTS.fullmatch(text) is not None
    first = text.partition(" ")[0]
    if first.isalpha() and first not in CAMERA_MAKERS and first not in CAMERA_FILLERS:
        return False  # as nearly all
    for found in PART.finditer(text):
        part = found[0]
        if part in CAMERA_MAKERS or CAMERA_SETTING.fullmatch(part):
            signs += 1
        elif part not in CAMERA_FILLERS and not CAMERA_NUMBER.fullmatch(part):
            return False
    return signs > 0


def is_template(text: str) -> bool:
    """Whether a text holds a place in a template that no program has filled in.

    >>> [is_template(text) for text in ("{{ item.title }}", "Buy ${name}", "<%= alt %>", "costs $5 {today}")]
    [True, True, True, False]
    """
    if not ("{" in text or "<" in text or "[" in text or "%" in text or "*|" in text):  # as nearly all
        return False
    return TEMPLATE.search(text) is not None


def is_boilerplate(caption: str) -> bool:
    """Whether a program wrote a caption, or it is a label of the page and not of the image.

    >>> [is_boilerplate(text) for text in ("Image may contain: 2 people", "Click to enlarge", "a logo")]
    [True, True, False]
    """
    text = caption.lower()
    return (
        text.strip(" .:!…-()[]") in STOCK
        or BOILERPLATE.fullmatch(text) is not None
        or is_template(caption)
        or (caption[:1] in MARKED and PLACE.fullmatch(caption) is not None)
    )


def url_share(caption: str) -> float:
    """The share of a caption's characters that belong to web addresses, 0 to 1.

    >>> url_share("www.example.org/a"), url_share("a red dog")
    (1.0, 0.0)
    """
    if "." not in caption[:-1]:  # nearly all have none, or the one that ends them
        return 0.0
    return sum(len(found) for found in URL.findall(caption)) / len(caption)
