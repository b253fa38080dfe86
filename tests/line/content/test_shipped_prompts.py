"""The shipped prompts: text messages, facts, plain language, and the outcomes of free text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.line.content.loader import Content
from ivr.line.content.prompt import Prompt, Section
from ivr.line.content.required_prompts import OUTCOMES
from ivr.line.lint.limits import MOST_SEGMENTS, SEGMENT_LIMITS, fill_with_samples, longest_text, reading_grade
from ivr.line.nlu.matcher import normalize
from ivr.line.text import gsm7, readability
from ivr.line.twiml.release import CompiledLine

TOPICS = {
    "1": "what-they-are",
    "2": "cancer",
    "3": "more-pictures",
    "4": "next-steps",
    "5": "skin-products",
    "6": "the-visit",
    "7": "people",
}
NUMBERS = {"603-663-2180", "603-668-3067", "603-663-4490"}
LANGUAGES = ("en", "es")


def sections(content: Content, language: str | None = None) -> list[tuple[Prompt, Section]]:
    return [
        (prompt, section)
        for prompt in content.prompts.values()
        if language in (None, prompt.language)
        for section in prompt.sections()
    ]


def cells(table: str) -> list[str]:
    return [cell.strip() for line in table.strip().splitlines() for cell in line.split("|")]


def test_every_text_message_is_gsm7_and_within_its_segments_with_the_longest_values(content: Content) -> None:
    reminders = {step.wording for step in content.config.reminders.plan} | {"reminder-1d-names-test"}
    for prompt in content.prompts.values():
        if prompt.texted is None:
            continue
        whole = longest_text(content, prompt, prompt.texted)
        text = gsm7.fold_to_gsm7(whole)
        counted = gsm7.count_segments(text)
        allowed = 1 if prompt.name in reminders else SEGMENT_LIMITS.get(prompt.name, MOST_SEGMENTS)
        assert (counted.encoding, gsm7.unfoldable_characters(whole)) == ("GSM-7", ()), prompt.file
        assert 1 <= counted.segments <= allowed, (prompt.file, counted)
        assert "{" not in text, prompt.file


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_topic_and_outcome_has_a_text_message_in_each_language(line: CompiledLine, language: str) -> None:
    for name in OUTCOMES | set(TOPICS.values()):
        assert line.text(language, name), name
        assert line.text_document(language, name), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reminder_names_the_hospital_a_phone_number_and_how_to_opt_out(content: Content, language: str) -> None:
    for step in content.config.reminders.plan:
        for name in (step.prompt, step.wording, "reminder-1d-names-test"):
            text = content.texted(language, name, date="D", time="T", number="603-663-2180", site="S")
            assert "Elliot Health System" in text
            assert "603-663-2180" in text
            assert "STOP" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reminder_does_not_mention_the_condition_or_the_test(content: Content, language: str) -> None:
    forbidden = "breast|mammogram|calcif|cancer|biops|seno|pecho|mamogra|c[aá]ncer|image|imagen"
    for step in content.config.reminders.plan:
        text = content.texted(language, step.wording, date="D", time="T", number="N", site="S")
        assert not re.search(forbidden, text, re.IGNORECASE), step.wording


@pytest.mark.parametrize("language", LANGUAGES)
def test_answers_to_keywords_name_the_hospital_a_phone_number_and_the_opposite_keyword(
    line: CompiledLine, language: str
) -> None:
    keywords = {"stop": "START", "start": "STOP", "help": "STOP"}
    for name, word in keywords.items():
        text = line.text(language, name)
        assert "Elliot Health System" in text
        assert "603-663-2180" in text
        assert word in text
    assert gsm7.count_segments(line.text(language, "stop")).segments == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_topic_menu_lists_each_topic_with_its_number(line: CompiledLine, language: str) -> None:
    shown = re.findall(r"^(\d) (.+)$", line.text(language, "menu"), re.MULTILINE)
    titles = [gsm7.fold_to_gsm7(line.content.prompt(language, topic).title) for topic in TOPICS.values()]
    assert shown == list(zip(TOPICS, titles, strict=True))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("fact", [f"F{number}" for number in range(1, 16)])
def test_each_fact_is_given_by_voice_and_by_text(content: Content, language: str, fact: str) -> None:
    prompts = [prompt for prompt in content.prompts.values() if fact in prompt.sources and prompt.language == language]
    assert any(prompt.spoken and prompt.texted for prompt in prompts)


def test_both_languages_have_the_same_sources_and_sections(content: Content) -> None:
    for name in {name for _, name in content.prompts}:
        english, spanish = content.prompt("en", name), content.prompt("es", name)
        assert english.sources == spanish.sources, name
        assert len(english.spoken) == len(spanish.spoken), name
        assert bool(english.texted) == bool(spanish.texted), name
        assert english.choices.keys() == spanish.choices.keys(), name


def test_every_prompt_reads_at_grade_6_or_below(content: Content) -> None:
    for prompt, section in sections(content):
        grade = reading_grade(prompt, fill_with_samples(content, prompt, section))
        assert grade is not None
        assert grade <= 6.0, f"{prompt.file}:{section.line} reads at {grade:.1f}"


def test_sentences_have_at_most_15_words_on_average(content: Content) -> None:
    for prompt, section in sections(content):
        average = readability.average_sentence_length(fill_with_samples(content, prompt, section))
        assert average <= 15, f"{prompt.file}:{section.line} has {average:.1f}"


def test_no_prompt_gives_a_percentage(content: Content) -> None:
    assert [
        prompt.file for prompt, section in sections(content) if re.search("%|per ?cent|por ciento", section.words)
    ] == []


# Only the doctor may decide to wait (F12).
MAY_WAIT = re.compile(
    r"Your doctor may choose|Su médico puede decidir|not (choose to )?wait|no (espere|decida esperar)"
    r"|niño puede esperar|child may wait",
    re.IGNORECASE,
)


def test_no_prompt_tells_a_patient_to_wait(content: Content) -> None:
    for prompt, section in sections(content):
        for sentence in readability.sentences(section.words):
            if re.search(r"\b(wait|esper(ar|e|a))\b", sentence, re.IGNORECASE):
                assert MAY_WAIT.search(sentence), f"{prompt.file}: {sentence}"


def test_prompts_contain_no_phone_numbers_but_the_hospitals_and_the_helplines(content: Content) -> None:
    assert {entry.number for entry in content.config.directory} == NUMBERS
    for prompt, section in sections(content):
        text = fill_with_samples(content, prompt, section)
        for number in (*content.config.helplines, *NUMBERS):
            text = text.replace(number, "")
        assert not re.search(r"\d(?:[-. ()]{0,2}\d){6,}", text), prompt.file


@pytest.mark.parametrize("name", ["urgent", "person-soon"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_red_flags_are_answered_with_the_right_phone_number(line: CompiledLine, language: str, name: str) -> None:
    numbers = {"urgent": ("911", "988"), "person-soon": ("603-668-3067", "911")}[name]
    assert all(number in line.text(language, name) for number in numbers)


SIGNS = {
    "en": "chest pain|seizure|confusion|will not wake|blue lips|tongue or throat|slurred|poison|pills|press on it",
    "es": "pecho|convulsión|confusión|no despierta|labios azules|lengua o garganta|enredada|veneno|pastillas|presione",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_answer_to_an_emergency_names_its_signs_by_voice_and_by_text(content: Content, language: str) -> None:
    for section in content.prompt(language, "urgent").sections():
        words = section.words.lower()
        assert [sign for sign in SIGNS[language].split("|") if sign not in words] == [], section.line


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("written", ["{}", " {} ", "{}.", "#{}", "({})", "{}\n", "{}!"])
def test_a_number_from_1_to_7_leads_to_its_topic_however_it_is_written(
    line: CompiledLine, language: str, written: str
) -> None:
    for number, topic in TOPICS.items():
        understood = line.matcher.match(written.format(number), language)
        assert (understood.topic, understood.language) == (topic, language)


@pytest.mark.parametrize("words", ["8", "9", "0", "12", "77", "1 2", "3.5"])
def test_another_number_is_not_a_topic(line: CompiledLine, words: str) -> None:
    assert line.matcher.match(words).topic not in TOPICS.values()


def test_an_empty_text_leads_to_the_menu_and_symbols_lead_nowhere(line: CompiledLine) -> None:
    assert [line.matcher.match(words).topic for words in ("", "  \n")] == ["menu"] * 2
    assert [line.matcher.match(words).topic for words in ("?!", "\U0001f600")] == ["none"] * 2


URGENT = """
i have chest pain | I'M HAVING CHEST PAINS | my chest hurts really bad and my arm is numb
chest pian since this morning | there is a tight feeling in my chest | my chest feels tight | I can't breathe
cant breath | having trouble breathing | I am having difficulty breathing after my biopsy | short of breth
i am gasping for air | the biopsy site will not stop bleeding | I'm bleeding heavily | bleeding alot from the biopsy
there is blood everywhere and it won't stop | call 911 | send an ambulance please | this is an EMERGENCY
I think I am having a heart attack | i passed out | my face is swelling and my throat is closing
I want to kill myself | i want to kill my self | i wanna die | i dont want to live anymore | I don't want to be alive
thinking about suicide | suicidal | i feel like ending it all | if it is cancer I will kill myself
i would be better off dead | i want to end my life | I am going to hurt myself
my mother has chest pain what should we do | please help i cannot breathe | tengo dolor de pecho
ME DUELE MUCHO EL PECHO | dolor en el pecho y el brazo | no puedo respirar | me cuesta mucho respirar desde ayer
tengo dificultad para respirar | me falta la respiración | estoy sangrando mucho después de la biopsia
la herida no deja de sangrar | es una emergensia | llamen una ambulancia | creo que es un infarto | me desmayé
quiero morirme | no quiero vivir | quiero suicidarme | pienso en el suicidio | voy a matarme | me quiero matar
si es cáncer me mato | quiero acabar con mi vida | mejor estaría muerta | im having bad pain in the chest | chest hurt
my chest is hurting | chest discomfort and sweating | cannot catch my breath | i cant catch my breath
my breathing is very bad | I cannot stop bleeding | the bleeding wont stop | bleeding profusely
my wound is bleeding a lot | lots of blood coming out | I feel like dying | life is not worth living
thinking of killing myself | I might kill myself | i want to disappear forever | I took a bunch of pills
need ambulance now | can somebody call nine one one | my arm is numb and chest pressure | fainted this morning
im having a stroke | dolor fuerte en el pecho | tengo presion en el pecho | no puedo respirar bien
respiro con dificultad | me sangra mucho la herida | no para el sangrado | sangre por todas partes
mucho dolor en el pecho | me voy a suicidar | no quiero seguir viviendo | pensando en quitarme la vida
ya no aguanto quiero morir | necesito ayuda urgente ambulancia | perdí el conocimiento | tuve un desmayo
"""
SOON = """
I found a lump in my breast | found a new lump yesterday, can it wait until my mammogram? | theres a lumb in my boob
I FEEL A LUMP | i felt something hard in my left breast | there is a hard knot in my breast | lump in my armpit
my nipple is bleeding | bloody discharge from nipple | nipple turned inward | my nipple looks different
there is fluid coming out of my nipple | nipple disharge | my breast is red and warm and I have a fever
red swollen breast | I have a fever and my breast is hot | the skin of my breast looks like an orange peel
dimpling on my breast | one breast got bigger all of a sudden | my breast changed shape
sore that won't heal on my breast | what should I do about a new lump | breast infection with fever
me encontré una bolita en el pecho | TENGO UN BULTO | siento una bola en el seno | tengo una masa en el seno
bulto debajo del brazo | vulto en el seno | me sale sangre del pezón | el pezon esta undido | mi pezón cambió
me sale un líquido del pezón | tengo el pecho rojo y fiebre | mi seno está rojo, hinchado y caliente
la piel del seno parece cáscara de naranja | un seno se me puso más grande | is this lump normal | lump near my nipple
I noticed a new lump on my right side | a pea sized lump | my breast feels hard | my breast has a hard area
something is leaking from my nipple | nipple is crusty | my nipple is pulling in | dent in my breast
puckering skin on breast | my breast skin is thick and red | red patch on my breast | my boob is red and hot
swollen lymph node under arm | swollen armpit | breast swollen and painful | i have mastitis with fever
one breast is larger suddenly | discharge from breast | blood coming from nipple | encontré una bolita
noté un bulto nuevo | me salió una bola en el pecho | tengo una pelota en el seno | siento una dureza en el seno
mi pezón está sangrando | pezón invertido | sale pus del pezón | el seno se me puso rojo | seno inflamado
tengo el seno inflamado y con fiebre | la piel del seno está arrugada | me salió un hundimiento en el seno
bulto en el sobaco | ganglio inflamado en la axila | cambió de forma mi seno | fiebre y el pecho rojo
"""
STOP = """
please stop texting me | Stop. Thank you | STOP TEXTING ME!!! | no more texts please | plz stop sending me messages
stop sending these | take me off your list | I don't want any more messages | quit texting | unsubscribe me from this
dont text this number again | stop all messages | i want to stop these texts | remove me | leave me alone | opt out
no más | no más mensajes por favor | ya no me manden mensajes | deje de enviarme mensajes | paren de escribirme
no quiero más mensajes | basta ya | quiteme de su lista | borren mi número | alto | parar | deténganse
dejen de textearme | ya no quiero recibir textos | stop txting me | please dont text me anymore | no texts
take me off | take me off this list | i dont want texts | cancel texts | stop these messages
enough with the messages | please remove my number | stop contacting me | no more | ya basta de mensajes
no me molesten | no me manden textos | quiten mi número | no quiero que me escriban | ya no me escriban por favor
dejen de molestar | parar mensajes
"""
NEITHER = """
can you cancel my appointment | I need to cancel my appointment on Friday | stop by the clinic?
can I stop by the clinic to pick up my pictures | I stopped taking calcium | should I stop taking calcium
should i stop my calcium pills before the visit | when will the pain stop | do I have to stop using deodorant
should I stop wearing perfume | does breastfeeding have to stop | where is the bus stop
end of the visit, how long does it take | can i quit using powder only that day | the texts helped me, thank you
text me the number please | can you text me the address | will I get more texts before my visit
no more pictures please, why again | my number changed | remove deodorant before the visit? | is there an end date
puedo cancelar mi cita | quiero cancelar la cita del viernes | debo parar de tomar calcio | dejé de tomar calcio
tengo que dejar de usar desodorante | necesito más imágenes | no más quiero saber si es cáncer
no puedo ir, quiero cambiar mi cita | mi número cambió | me puede mandar un mensaje con la dirección
what are calcifications | calcium in my breast | I cannot make it tomorrow | i can't come on friday
is breast cancer serious | does the mammogram hurt | will it hurt my breast | how hard do they press the breast
can I put lotion on my chest | makeup on my chest | can I put powder under my breasts | I have breast implants
I had breast surgery | breast health center number | why do they need more pictures of my breast
what is a breast biopsy | is it breast cancer | what does the shape of the calcifications mean
do the calcifications change shape | I live far away, how long is the visit | can I breathe during the picture
i am breastfeeding | what time is my visit | how will they stop the bleeding after a biopsy
do I need a new mammogram | what are the white spots in my breast | calcificaciones en el seno | calcio en el seno
tengo implantes en los senos | duele la mamografía del seno | puedo ponerme crema en el pecho | maquillaje en el pecho
estoy dando pecho | es cáncer de seno | teléfono del centro del seno | no puedo ir mañana | quiero una cita
por qué quieren más imágenes del seno | qué es una biopsia del seno | cambiar mi cita
my husband had a stroke last year, can he come with me | I had mastitis years ago, could that be the cause
can they see my heart on the mammogram | is it safe to breathe | can I stop at the pharmacy first
stop light directions | do I need to stop blood thinners before biopsy | the pictures stopped loading
what number do i text | can I get texts in spanish | are there more texts coming | how many messages will you send
when will the bleeding stop after biopsy | is breast pain normal after mammogram
what if i have a cold or fever on the day | can i come with a fever | the shape of the calcifications
can calcium pills hurt me | i want to live closer, other location | will i die | do you call me | where do i park
can my daughter come | puedo ir con fiebre | cuánta sangre sacan en la biopsia | puedo parar en la farmacia
cuántos mensajes me van a mandar | no recibí más mensajes | no me llegó el mensaje | por favor para qué es la biopsia
alto riesgo qué significa | qué significa un seno denso | necesito más información | no más preguntas gracias
quiero cancelar
"""


@pytest.mark.parametrize("words", cells(URGENT))
def test_an_emergency_is_found(line: CompiledLine, words: str) -> None:
    for spoken in (words, words.upper(), f"Hello, {words}. What shall I do now?", f"Hola! {words}, gracias"):
        assert line.matcher.match(spoken, "en").topic == line.matcher.match(spoken, "es").topic == "urgent", spoken


@pytest.mark.parametrize("words", cells(SOON))
def test_a_symptom_that_a_person_must_hear_of_soon_is_found(line: CompiledLine, words: str) -> None:
    for spoken in (words, words.upper(), f"Good morning, {words}, is that bad?", f"Buenos días, {words}, gracias"):
        # The answer to an emergency also says to call, so it may win.
        assert line.matcher.match(spoken, "en").topic in ("person-soon", "urgent"), spoken
    assert line.matcher.match(words).topic == "person-soon"


@pytest.mark.parametrize("words", cells(STOP))
def test_an_opt_out_is_found(line: CompiledLine, words: str) -> None:
    for spoken in (words, words.upper(), f"{words}!!", f"{words}, thank you", f"Please {words}"):
        assert line.matcher.match(spoken, "en").topic == line.matcher.match(spoken, "es").topic == "stop", spoken


@pytest.mark.parametrize("words", cells(NEITHER))
def test_other_questions_are_neither_red_flags_nor_opt_outs(line: CompiledLine, words: str) -> None:
    for spoken in (words, words.upper(), f"Hello, {words}?"):
        assert line.matcher.match(spoken).topic not in ("urgent", "person-soon", "stop"), spoken


def test_an_emergency_takes_precedence(line: CompiledLine) -> None:
    assert line.matcher.match("stop texting me, I have chest pain and a lump").topic == "urgent"
    assert line.matcher.match("stop texting me, I found a lump").topic == "person-soon"


COMMON = """
what are calcifications: en what-they-are | ¿Qué son las calcificaciones?: es what-they-are
is it cancer: en cancer | tengo cáncer?: es cancer
why do i have to come back: en more-pictures | por qué otra mamografía: es more-pictures
do i need a biopsy: en next-steps | voy a necesitar una biopsia: es next-steps
can i wear deoderant: en skin-products | puedo usar desodorante: es skin-products
what should i wear: en the-visit | cuánto tiempo dura: es the-visit
i want to talk to a person: en people | quiero hablar con una persona: es people
i need to reschedule: en scheduling | cambiar mi cita: es scheduling
where are my results: en results | ya están mis resultados: es results
wrong number: en wrong-number | número equivocado: es wrong-number
hello: en menu | hola: es menu
help: en help | ayuda: es help
English please: en language | español: es language
"""


@pytest.mark.parametrize("row", cells(COMMON))
def test_common_questions_lead_to_their_topic_in_the_language_of_the_question(line: CompiledLine, row: str) -> None:
    words, expected = row.rsplit(": ", 1)
    language, topic = expected.split()
    other = next(code for code in LANGUAGES if code != language)
    for conversation in (language, other):
        understood = line.matcher.match(words, conversation)
        assert (understood.topic, understood.language) == (topic, language)


@pytest.mark.parametrize(("language", "word"), [("en", "RESULTS"), ("es", "RESULTADOS")])
def test_the_answer_about_the_visit_offers_a_word_that_leads_to_the_results(
    line: CompiledLine, language: str, word: str
) -> None:
    assert word in line.text(language, "the-visit")
    understood = line.matcher.match(word, language)
    assert (understood.topic, understood.language) == ("results", language)


def test_unknown_words_are_not_understood(line: CompiledLine) -> None:
    assert {line.matcher.match(words).topic for words in ("zebra quartz", "xyzzy", "lorem ipsum dolor")} == {"none"}


@given(words=st.text(max_size=200), language=st.sampled_from(LANGUAGES))
def test_any_text_leads_to_an_outcome_with_a_text_message(line: CompiledLine, words: str, language: str) -> None:
    understood = line.matcher.match(words, language)
    assert line.text(understood.language, understood.topic)
    assert all(0 <= score <= 101 for score in understood.scores.values())
    assert line.matcher.match(words, language) == understood


@given(st.text(max_size=60))
def test_normalized_text_has_small_letters_only_and_normalizing_again_changes_nothing(words: str) -> None:
    assert re.fullmatch(r"([a-z0-9]+( [a-z0-9]+)*)?", normalize(words))
    assert normalize(normalize(words)) == normalize(words)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_answer_about_the_breast_or_the_appointment_ends_with_a_next_step(
    line: CompiledLine, language: str
) -> None:
    """The last three sentences have a number to call or to reply, so that no answer is only an explanation."""
    for name in (*TOPICS.values(), "scheduling", "results", "person-soon", "urgent"):
        sentences = re.split(r"(?<=[.?!:])\s", line.text(language, name))
        assert re.search(r"\d{3}-\d{3}-\d{4}|\b(911|988)\b|\b[1-7]\b", " ".join(sentences[-3:])), name
