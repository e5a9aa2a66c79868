"""What the prefix of a link means: namespace names and interwiki codes as MediaWiki's languages spell them.

The English names work in every wiki; the others are those of the wikis with the most articles.
"""

import re

# A dump without <ns> and without <namespaces> still tells by its titles: the names that every wiki knows.
NUMBERS = {
    name.casefold(): number
    for number, name in {
        -2: "Media", -1: "Special", 1: "Talk", 2: "User", 3: "User talk", 4: "Wikipedia", 5: "Wikipedia talk",
        6: "File", 7: "File talk", 8: "MediaWiki", 9: "MediaWiki talk", 10: "Template", 11: "Template talk",
        12: "Help", 13: "Help talk", 14: "Category", 15: "Category talk", 100: "Portal", 118: "Draft",
        828: "Module",
    }.items()
}  # fmt: skip

# Names in link targets.
FILE = frozenset(
    """
    file image datei bild fichier archivo imagen ficheiro arquivo imagem immagine bestand afbeelding plik
    grafika файл изображение зображення картинка датотека слика fil tiedosto kuva soubor súbor fájl kép
    fișier imagine fitxer imatge slika αρχείο εικόνα dosya resim hình berkas gambar קובץ תמונה ملف صورة پرونده
    文件 檔案 图像 圖像 ファイル 画像 파일 그림 ไฟล์ ภาพ चित्र
    """.split()  # noqa: SIM905  a list of words reads better than words in quotes
)
CATEGORY = frozenset(
    """
    category kategorie catégorie categoría categoria categorie kategoria kategória kategorija kategori luokka
    категория категорія категорија κατηγορία קטגוריה تصنيف رده 分类 分類 カテゴリ 분류 หมวดหมู่ श्रेणी
    """.split()  # noqa: SIM905
)
LANGUAGE = re.compile(r"(?:[a-z]{2,3}|simple)(?:-[a-z]{2,10}){0,2}")  # [[fr:Chien]] shows beside the text

# What may stand between the bars of a file link and is no caption (mediawiki.org, "Help:Images").
IMAGE_OPTION = re.compile(
    r"(?:thumb(?:nail)?|frame(?:d|less)?|border|left|right|cent(?:er|re)|none|baseline|sub|super|top|middle|"
    r"bottom|text-top|text-bottom|upright|[0-9]*x?[0-9]+ *px|"
    r"(?:thumb(?:nail)?|upright|alt|link|page|class|lang|start|end|thumbtime)\s*=.*)?",
    re.IGNORECASE | re.DOTALL,
)

# Names of templates, in lower case, that only disambiguation pages carry; English ones have a pattern.
DISAMBIGUATIONS = frozenset(
    """
    aimai|anlam ayrımı|anlamayrımı|apartigilo|argipen|begriffsklärung|betydelselista|bkl
    dezambiguizare|desambig|desambiguació|desambiguación|desambiguacion|desambiguação|disambigua
    disambr|discretiva|dp|dpintro|doorverwijspagina|dəqiqləşdirmə|egyért|egyértelműsítő lap
    flertydig|flertydighed|förgrening|gren|grensida|giklaro|homonyme|homonymie|homónimos
    nozīmju atdalīšana|pansayod|peker|pekerside|razdvojba|razločitev|rozcestník|rozlišovacia stránka
    täpsustuslehekülg|täpsustus|täsmennyssivu|ujednoznacznienie|višeznačna odrednica|định hướng
    trang định hướng|toponymie|αποσαφήνιση|αποσαφ|айрық|багатозначність|вишезначна одредница
    многозначност|многозначность|неадназначнасць|неоднозначность|неоднозначність|пояснение|פירושונים
    ابهام‌زدایی|ابهام زدایی|توضيح|توضیح|صفحة توضيح|बहुविकल्पी शब्द|แก้กำกวม|მრავალმნიშვნელოვანი|동음이의
    동명이인|人名の曖昧さ回避|地名の曖昧さ回避|曖昧さ回避|消歧义|消歧義|消歧义页|消歧義頁|消歧义頁
    """.strip()
    .replace("\n", "|")
    .replace("    ", "")
    .split("|")
)

# What stands in brackets at the end of their titles.
MEANINGS = frozenset(
    """
    disambiguation|begriffsklärung|homonymie|desambiguación|desambiguação|desambiguació|disambigua
    dezambiguizare|doorverwijspagina|ujednoznacznienie|olika betydelser|flertydig|andre betydninger
    rozcestník|täsmennyssivu|egyértelműsítő lap|anlam ayrımı|định hướng|disambiguasi|apartigilo
    razdvojba|višeznačna odrednica|значения|пояснение|значення|вишезначна одредница|αποσαφήνιση
    פירושונים|توضيح|ابهام‌زدایی|동음이의|曖昧さ回避|消歧义|消歧義
    """.strip()
    .replace("\n", "|")
    .replace("    ", "")
    .split("|")
)
