"""The words that alt texts are put together from, in the languages that the offline baseline writes."""

from __future__ import annotations

from dataclasses import dataclass

_COLORS: tuple[str, ...] = (
    "black", "dark gray", "gray", "light gray", "white", "red", "orange", "brown", "beige", "yellow", "green",
    "light green", "dark green", "turquoise", "blue", "light blue", "dark blue", "purple", "pink",
)  # fmt: skip
_KINDS: tuple[str, ...] = ("photograph", "chart", "screenshot", "text", "graphic", "blank", "unclear")


@dataclass(frozen=True)
class Phrases:
    """kinds, colors: English name → word. layout: {0} above, {1} below. mostly: {0} is one or two colors."""

    kinds: dict[str, str]
    colors: dict[str, str]
    colon: str
    comma: str
    semicolon: str
    stop: str
    and_: str
    layout: str
    mostly: str
    monochrome: str
    dark: str
    bright: str
    one_face: str
    faces: str
    text: str


def _phrases(
    kinds: str, colors: str, wording: str, marks: tuple[str, str, str, str] = (": ", ", ", "; ", ".")
) -> Phrases:
    """wording: and | layout | mostly | monochrome | dark | bright | one face | faces | text"""
    colon, comma, semicolon, stop = marks
    named = dict(zip(_COLORS, colors.split("|"), strict=True))
    return Phrases(
        dict(zip(_KINDS, kinds.split("|"), strict=True)), named, colon, comma, semicolon, stop, *wording.split("|")
    )


_FULL_WIDTH = ("：", "、", "；", "。")

PHRASES = {
    "en": _phrases(
        "Photo|Chart|Screenshot|Page of text|Graphic|Blank image|Image",
        "black|dark gray|gray|light gray|white|red|orange|brown|beige|yellow|green|light green|dark green|turquoise|"
        "blue|light blue|dark blue|purple|pink",
        " and |{0} above, {1} below|mostly {0}|black and white|dark|bright|one face|{0} faces|text",
    ),
    "de": _phrases(
        "Foto|Diagramm|Bildschirmfoto|Textseite|Grafik|Leeres Bild|Bild",
        "Schwarz|Dunkelgrau|Grau|Hellgrau|Weiß|Rot|Orange|Braun|Beige|Gelb|Grün|Hellgrün|Dunkelgrün|Türkis|Blau|Hellblau|"
        "Dunkelblau|Violett|Rosa",
        " und |oben {0}, unten {1}|überwiegend {0}|schwarz-weiß|dunkel|hell|ein Gesicht|{0} Gesichter|Text",
    ),
    "fr": _phrases(
        "Photo|Graphique|Capture d’écran|Page de texte|Illustration|Image vide|Image",
        "noir|gris foncé|gris|gris clair|blanc|rouge|orange|brun|beige|jaune|vert|vert clair|vert foncé|turquoise|bleu|"
        "bleu clair|bleu foncé|violet|rose",
        " et |{0} en haut, {1} en bas|surtout {0}|noir et blanc|sombre|clair|un visage|{0} visages|texte",
        (" : ", ", ", " ; ", "."),
    ),
    "es": _phrases(
        "Foto|Gráfico|Captura de pantalla|Página de texto|Ilustración|Imagen vacía|Imagen",
        "negro|gris oscuro|gris|gris claro|blanco|rojo|naranja|marrón|beige|amarillo|verde|verde claro|verde oscuro|"
        "turquesa|azul|azul claro|azul oscuro|morado|rosa",
        " y |{0} arriba, {1} abajo|sobre todo {0}|blanco y negro|oscura|clara|una cara|{0} caras|texto",
    ),
    "ja": _phrases(
        "写真|グラフ|スクリーンショット|文章のページ|図|空白の画像|画像",
        "黒|濃い灰色|灰色|薄い灰色|白|赤|オレンジ|茶色|ベージュ|黄色|緑|薄緑|深緑|青緑|青|水色|紺色|紫|ピンク",
        "と|上は{0}、下は{1}|主に{0}|白黒|暗い|明るい|顔が一つ|顔が{0}つ|文字",
        _FULL_WIDTH,
    ),
    "ko": _phrases(
        "사진|차트|스크린샷|글이 있는 페이지|그래픽|빈 이미지|이미지",
        "검은색|진회색|회색|연회색|흰색|빨간색|주황색|갈색|베이지색|노란색|초록색|연두색|진초록색|청록색|파란색|하늘색|남색|"
        "보라색|분홍색",
        ", |위는 {0}, 아래는 {1}|주로 {0}|흑백|어두움|밝음|얼굴 하나|얼굴 {0}개|글자",
    ),
    "zh": _phrases(
        "照片|图表|屏幕截图|文字页面|图形|空白图片|图片",
        "黑色|深灰色|灰色|浅灰色|白色|红色|橙色|棕色|米色|黄色|绿色|浅绿色|深绿色|青绿色|蓝色|浅蓝色|深蓝色|紫色|粉色",
        "和|上方{0}，下方{1}|以{0}为主|黑白|偏暗|明亮|一张脸|{0}张脸|文字",
        _FULL_WIDTH,
    ),
}
