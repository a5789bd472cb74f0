"""What columns are called: the words of their names, and what these words say of what stands in them, in the usual languages."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What is asked.
QUESTION = _words(
    """
    question questions query queries conclusion prompt instruction instructions ask claim hypothesis statement problem request
    goal riddle frage fragen anfrage aufgabe pregunta consulta solicitud demande pergunta domanda richiesta vraag
    opdracht fråga spørgsmål pytanie zapytanie soru вопрос запрос задача 问题 提问 指令 質問 질문 سؤال प्रश्न
    """
)
# What is read: the text that is judged, or that the question is about.
TEXT = _words(
    """
    text texts txt content contents body message messages msg comment comments review reviews tweet tweets post
    posts sentence sentences string utterance utterances document article email mail sms transcript dialogue dialog
    conversation chat note notes complaint feedback paragraph story essay news narrative input inputs src data
    description plot lyrics resume report remark snippet phrase excerpt quote caption opinion abstract statement
    ticket nachricht beschreibung satz sätze kommentar bewertungstext inhalt beitrag anliegen meldung notiz eingabe
    rezension texte contenu commentaire avis entrée courriel texto contenido mensaje comentario reseña oración frase
    descripción entrada opinión queja conteúdo mensagem avaliação descrição testo contenuto messaggio commento
    recensione descrizione tekst bericht beschrijving inhoud zin innehåll meddelande treść wiadomość opis metin
    yorum mesaj cümle текст сообщение отзыв комментарий описание предложение обращение 文本 内容 评论 句子 正文 描述
    留言 本文 テキスト レビュー 文章 コメント 텍스트 내용 리뷰 문장 댓글 نص النص تعليق مراجعة टेक्स्ट पाठ
    """
)
# What a question is about; longer than it, often shared by several.
CONTEXT = _words(
    """
    context ctx passage premise evidence background support facts hint schema table tables persona history knowledge
    paragraph document article story dialogue kontext contexte contexto contesto контекст 上下文 背景 文脈 passagem
    pasaje
    """
)
HEADLINE = _words(
    """
    title headline subject heading header summary betreff titel überschrift titre sujet título asunto assunto titolo
    oggetto onderwerp rubrik ämne tytuł temat başlık konu заголовок тема 标题 題名 タイトル 件名 主题 제목 عنوان
    العنوان
    """
)
# What the answer is called; the sharper the word, the more it weighs.
LABEL = _words(
    """
    label labels target targets gold truth groundtruth expected etiqueta etiquetas étiquette étiquettes
    kennzeichnung etichetta rótulo метка 标签 標籤 ラベル 라벨 레이블 تصنيف ziel zielklasse sentiment stimmung
    sentimiento sentimento intent intention intents absicht intención emotion emotions gefühl émotion emoción
    polarity polarität polarité polaridad stance тональность 情感 感情 감정 意图 意図
    """
)
CLASS = _words(
    """
    class classes category categories klasse kategorie kategorien rubrik classe catégorie categoría categorías clase
    categoria categorie kategori kategoria sınıf класс категория 类别 类 分类 カテゴリ カテゴリー クラス 카테고리
    분류 فئة classification classificação clasificación decision verdict entscheidung toxic toxicity spam stars star
    rating ratings score scores overall grade bewertung note noten sterne puntuación calificación estrellas nota
    notes estrelas voto stelle оценка рейтинг 评分 星级 評価 평점 duplicate paraphrase entailment similarity
    relevance correctness acceptability
    """
)
ANSWER = _words(
    """
    answer answers antwort antworten respuesta respuestas réponse réponses reponse risposta risposte resposta
    respostas antwoord svar odpowiedź cevap ответ ответы 答案 回答 答え 解答 답변 정답 إجابة الإجابة जवाब उत्तर
    correct cop output outputs ausgabe salida sortie saída 输出 出力 response responses reply replies completion
    completions result results ergebnis resultado résultat 结果
    """
)
# An answer that says what the job is: the text beside it is made into this.
MADE = _words(
    """
    sql solution solutions code canonical translation übersetzung traducción traduction traduzione tradução перевод
    翻译 译文 翻訳 번역 summary summaries highlights tldr zusammenfassung resumen résumé riassunto resumo 摘要 总结
    要約 요약 ref reference references paraphrase simplified simplification corrected correction rewrite rewritten
    target tgt lösung solución solução soluzione решение 解法
    """
)
KIND = _words(
    """
    type reason reasons topic topics tag tags genre genres department departments queue team priority priorität
    prioridad priorité severity urgency level difficulty fields extraction extracted json entities slots outcome
    diagnosis subject product issue theme thema tema thème abteilung typ tipo art division y aspect relation domain
    area sector industry speciality specialty dringlichkeit urgencia urgence отдел приоритет тип тема 优先级 主题
    类型 部门 話題 種類 우선순위 유형 betrag
    """
)
FAINT = _words("status state language lang country style tone quality helpful helpfulness value price amount")
# What a name ends in that is no answer and nothing to read.
ASIDE = _words(
    """
    test tests setup function functions hash weight weights count counts steps thought thoughts point id ids uid
    uuid guid key index idx row rowid nr no num number date dates time timestamp datetime created updated modified
    year month day hour url urls link links href uri image images img picture path file filename filepath md5 sha
    sha256 checksum length len chars version annotator annotators rater worker reviewer editor vote votes upvotes
    downvotes likes retweets shares views favorites favourites latitude longitude lat lon lng location coord
    coordinates ip phone zip zipcode address user username screenname author authors name names gender age license
    licence website start end offset offsets span spans range fold partition channel batch session host page pages
    numerator denominator datum zeit fecha hora heure jahr año année дата время 日期 时间 编号 番号
    日付 번호 날짜 metadata meta extra
    """
)
# What it is whatever else the name says.
NEVER = _words(
    """
    confidence conf prob probs probability probabilities logit logits embedding embeddings embed vector vectors
    token tokens toks tokenized tokenised lemma lemmas lemmatized stemmed pos dep ner parse parsed chunk unnamed
    offsets timestamp url unittest unittests asserts entrypoint tools tool konfidenz confiance confianza prediction
    predictions predicted pred annotators rationale rationales explanation explanations reasoning justification cot
    distractor distractors incorrect wrong equation begründung metadata
    """
)
GROUP = _words(
    """
    customer client user account patient author speaker document doc thread conversation session dialog dialogue
    case template group cluster company order household reviewer product article passage kunde kundin benutzer autor
    cliente usuario usuário auteur utente пользователь клиент 用户 客户
    """
)
SPLIT = _words("split fold subset partition set datasplit usage")
SYSTEM = _words("system")
OPTION = _words(
    """
    option options choice choices opt op ans ending endings answer sol solution alternative alternatives candidate
    candidates sentence opción opcion opção auswahl antwort 选项 選択肢
    """
)
# Whose texts these are says that they are none of the question: user_description, author bio.
SOMEONE = _words("user author profile company speaker reviewer account channel")
ABOUT_SOMEONE = _words("description name location bio profile about title")
CLEANED = _words(
    """
    clean cleaned cleaner processed preprocessed lower lowercase lowercased normalized normalised stemmed lemmatized
    filtered nostop tokenized tokenised tokens toks token words stripped raw formatted
    """
)
CODED = _words("int id idx index code codes num number nr no key encoded enc numeric  cat")
IN_WORDS = _words("text name names str string word words desc description title")
RATED = _words(
    """
    rate stars star rating ratings score scores overall grade bewertung sterne estrellas puntuación calificación note
    nota 评分 星级 評価 평점 оценка
    """
)
JUDGED = _words("review reviews comment comments feedback avis reseña bewertung rezension recensione отзыв 评论 レビュー 리뷰")
# An answer in full, whatever else the name says.
GOLDEN = ANSWER | MADE | _words("gold truth expected target ground corrected correct final reference edited")
# What may stand beside a word for the answer without making it another thing.
QUALIFIERS = _words(
    "gold golden final best correct true expected class overall main primary canonical the human majority is has actual my ground"
)
# The type of a question is none of its answer.
META = _words("question answer choice query prompt response file content data")
# What a mark says of the row and not of its text.
OF_THE_ROW = _words(
    """
    train test valid validation verified retweet quote media image sensitive deleted reviewed approved checked gold
    golden active sponsored vine clear unclear truncated favorited retweeted answered human synthetic augmented
    """
)
# Whose rows belong together first: people, and what they talk in; then what they talk about.
PEOPLE = GROUP - _words("document doc article passage product template group cluster company order")
# What a sentiment or a stance is about.
ASPECTS = _words("aspect aspects term terms entity target")
# A text that has a headline beside it, and no summary.
DESCRIBED = _words("description body details beschreibung descripción descrição descrizione описание 描述")
JUDGEMENT = _words("sentiment stance polarity")
TOPICS = _words("topic keyword attribute")
_PLACED = re.compile(r"(?:column|col|field|feature|var|v|c|f|unnamed|attribute)?[ _.:-]*\d*", re.IGNORECASE)


@dataclass(frozen=True)
class Name:
    """A column's name, read: customer_id and CustomerId are customer, id; sentence1 is sentence with the suffix 1."""

    text: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        """In lower case, without digits and marks; a run of capitals is one word."""
        text = unicodedata.normalize("NFKC", self.text)
        apart = re.sub(r"(?<=[^\W\d_])(?=[A-Z][^\W\d_A-Z])|(?<=[^\W\d_A-Z])(?=[A-Z])", " ", text)
        return tuple(re.findall(r"[^\W\d_]+", apart.casefold()))

    @cached_property
    def known(self) -> frozenset[str]:
        return frozenset(self.words)

    @property
    def head(self) -> str:
        """What the thing is: the last word, or of `type of ticket`, `response to customer` the one before."""
        for at, word in enumerate(self.words[1:], 1):
            if word in ("of", "to", "de", "du", "der", "del", "for", "from", "in", "by"):
                return self.words[at - 1]
        long = [word for word in self.words if len(word) > 1 or not word.isascii()]
        return (long or self.words or ("",))[-1]

    @property
    def is_placed(self) -> bool:
        """Whether it only counts the columns (column_2, v1, 0, Unnamed: 3), and so says nothing."""
        return _PLACED.fullmatch(self.text.strip()) is not None

    @cached_property
    def member(self) -> tuple[str, str]:
        """The stem and the letter or number by which it is one of several: option_a, opa, choice1, #1 String, A."""
        text = unicodedata.normalize("NFKC", self.text).strip()
        if re.fullmatch(r"[A-Za-z]", text):
            return "", text.upper()
        if match := re.fullmatch(r"(.*[^\W\d_])[ _-]*(\d{1,2})", text):
            return match[1].casefold(), match[2]
        if match := re.fullmatch(r"[\W_]*(\d{1,2})[\W_]*([^\W\d_].*)", text):
            return match[2].casefold(), match[1]
        if match := re.fullmatch(r"(.*[^\W\d_])(?:[ _-]+([A-Ja-j])|(?<=[a-z])([A-J]))", text):
            return match[1].casefold(), (match[2] or match[3]).upper()
        if match := re.fullmatch(r"(op|opt|option|choice|sol|ans|answer)([a-j])", text.casefold()):
            return match[1], match[2].upper()
        return text.casefold(), ""

    def has(self, words: frozenset[str]) -> bool:
        """Whether one of the words stands in it; those of a script without blanks anywhere in it."""
        return bool(self.known & words) or any(not word.isascii() and word in self.text for word in words if _is_wide(word))

    def is_only(self, words: frozenset[str]) -> bool:
        return bool(self.words) and self.known <= words


def _is_wide(word: str) -> bool:
    return ord(word[0]) >= 0x3040
