"""The matcher: red flags, opt-outs, languages, and what probabilities lead to."""

from __future__ import annotations

from itertools import islice

import pytest

from ivr.line.content.keyword_rules import RED_FLAGS
from ivr.line.nlu.phrase_index import PhraseIndex
from ivr.line.text.normalize import MOST_CHARACTERS, content_words, normalize, phonetic_key, stem
from ivr.line.twiml.release import CompiledLine

FILLER = "well you see my dear " * 5000


def rows(table: str) -> list[str]:
    return [row.strip() for line in table.strip().splitlines() for row in line.split("|")]


# Messages that no prompt lists as a phrase.
URGENT = """
my chest is killing me | there's a weight on my chest and i'm sweating | chest pains since last nite
having trouble catching my breath | i can barely breathe | it hurts when i take a deep breath
my breathing is getting worse | im wheezing real bad | she stopped breathing | my husband is unconscious
he's not responding to me | grandma fell and won't get up | my mom is having a seizure
she's shaking all over and foaming at the mouth | i think hes having a heart attack
my heart keeps skipping and i feel dizzy | heart beating out of my chest | my face feels numb on one side
my mouth is drooping | i can't feel my left side | my words are coming out funny
i cant see out of my left eye all of a sudden | sudden terrible headache | the bandage keeps filling with blood
blood keeps coming out of the needle hole | it wont quit bleeding | bleedin thru everything
biopsy hole opened up and blood is squirting | i changed the gauze 5 times and its still soaked
theres a puddle of blood | i threw up blood | my lips are swelling
i took my antibiotic and now my throat itches and i cant breathe | broke out in hives and my tongue feels thick
i cant do this anymore | i dont see the point anymore | i just want it to be over
i want to go to sleep and never wake up | no one would care if i was gone | i wish i was never born
life isnt worth it | im going to end it tonight | i have a plan to kill myself | i bought a gun
i feel like jumping off a bridge | i keep thinking about dying | im thinking of ways to die | i cut my wrists
my daughter swallowed a bottle of tylenol | i took all my sleeping pills | i drank bleach
i want to be with my late husband in heaven | if this is cancer i will not go through it, id rather die
i dont want to live with cancer | planning to take my life | unalive myself
my friend says she is going to kill herself | i feel hopeless and alone and want to die
im scared i might do something to myself | tell my kids i love them goodbye | should i go to the emergency room
do i need 911 | please send help | i need an ambulance right away | i need help now im dying
this is life or death | my wife cant breathe what do i do | dad grabbed his chest and fell down
my left arm hurts and im sweaty | jaw pain and chest pressure | indigestion and chest tightness
crushing feeling in my chest | i feel like im suffocating | cant get air | my skin is turning gray
shes turning purple | i blacked out for a minute | woke up on the floor | almost passed out
i feel very faint and weak | my blood pressure is 220 over 120 and my head is pounding
my blood sugar is 30 and im shaking | stabbing pain in chest when breathing
my leg is swollen and red and i cant breathe | vomiting blood | there is a lot of blood in the toilet
my boob is huge and rock hard after the biopsy and getting bigger fast | i cant move my arm
my husband is confused and cant speak | she is slurring | he hit me and i am scared he will kill me
someone is trying to hurt me | me aprieta el pecho | siento un peso en el pecho
tengo un dolor muy fuerte en el pecho que me corre al brazo | no me entra aire | me esta faltando el aire
casi no puedo respirar | mi esposo no puede respirar | mi papa se desmayo | mi mama esta inconsciente
no me contesta y esta fria | le dio un ataque | esta convulsionando | se le durmio la cara
tengo la mitad de la cara dormida | no puedo mover el brazo | habla enredado | veo borroso de repente
un dolor de cabeza terrible de repente | no para la sangre | me sale mucha sangre de la herida
la venda se llena de sangre | estoy perdiendo mucha sangre | vomite sangre | se me hincho la cara
se me estan hinchando los labios | tengo urticaria y no puedo respirar | ya no quiero seguir
no quiero estar aqui | quisiera estar muerta | la vida no vale nada | ya no tengo ganas de nada quiero morirme
voy a quitarme la vida | pienso en suicidarme | quiero acabar con mi sufrimiento | me tome un frasco de pastillas
me quiero aventar del puente | tengo una pistola | me voy a colgar | nadie me va a extrañar
mi hijo se quiere matar | digale a mis hijos que los quiero | necesito una ambulancia | manden ayuda
es una emergencia | voy a emergencias? | me estoy muriendo | siento que me muero | mi corazon late muy fuerte
se me va a salir el corazon | me dan punzadas en el pecho | dolor en el brazo izquierdo y sudor
tengo presion en el pecho y nausea | siento que me desmayo | me desmalle | esta morado | se puso azul
mi esposo me pega y me va a matar | prefiero morirme a tener cancer | chst pain bad | i cant breeth
feel like a truck is parked on my chest | theres a band squeezing around my ribs and i feel sick
my ribcage hurts when i inhale | tightness across my chest since lunch | chest feels heavy like bricks
heart is going crazy and im short winded | cant draw a full breath | having a hard time getting my breath
my inhaler isnt working | passed clean out at the sink | i keep fainting | my aunt isn't waking up
hubby is out cold | she had a fit and is not coming around | half my face dropped
arm and leg on one side wont work | suddenly i cant find my words | vision went black in one eye
the needle site keeps pumping blood | blood running down my side and it wont clot | soaked thru 4 pads already
bleeding like crazy | i'm hemoraging | puking blood | throat feels like its shutting
i'm covered in hives and wheezing | my eyes are swelling shut | ready to give up on everything
i don't deserve to live | nothing matters anymore i want to die | thoughts of ending things
i've been stockpiling my pain pills | i have the rope ready | this is my last message | life has no meaning now
i wanna hurt myself | cutting again | my best friend posted that she wants to die
son says hes going to shoot himself | grandpa took his whole pill box at once
kid drank the mouthwash and is passed out | if the biopsy is bad i will end my life
rather die than lose my breast | i am in crisis | somebody call an ambulance | need 9-1-1
is this a heart attack | sharp pain between my breasts and sweating | me esta dando un infarto
tengo una opresion horrible aqui en el pecho | me duele el pecho cuando respiro | batallo para respirar
no puedo ni respirar | me falta oxigeno | mi papa esta tirado en el suelo y no responde
le dio un derrame a mi abuela | se me fue la vista de un ojo | no puedo levantar el brazo derecho de repente
se me desvio la boca | estoy chorreando sangre | la herida no cierra y sale mucha sangre
tengo la garganta cerrada | se me hincharon los ojos y la boca | quiero desaparecer de este mundo
ya no le encuentro sentido a la vida | estaria mejor muerta | me quiero cortar | mi amiga se quiere suicidar
mi mama se tomo todas sus pastillas | si me dicen que es cancer me quito la vida | llame una ambulancia por favor
ayuda me estoy ahogando | se esta poniendo azul
"""
PERSON_SOON = """
i feel a pea size thing in my breast | theres a hard knot under my nipple
found something round and hard in my left boob | felt a lump while showering | i have a new lump should i wait
my lump is getting bigger | there is a mass in my breast i can feel it | something is growing in my breast
my breast has a hard area | one of my breasts is swollen | my breast is red | my breast feels hot to the touch
my boob is infected i think | i have a fever of 101 and my breast hurts | the skin on my breast is dimpling
dimples on my breast | my breast skin looks weird like orange | my nipple is inverted now | my nipple is going in
nipple pulled in | my nipple is leaking | nipple discharge | clear liquid from nipple | bloody nipple
my nipple itches and is flaky | rash around my nipple | theres a scab on my nipple
my nipple is sore and cracked and im not nursing | my breast changed size | one breast looks bigger
my breast looks lopsided now | my breast shape has changed | lump under my armpit
swollen lymph nodes in my armpit | my armpit is swollen | hard ball under arm
there's a sore on my breast that won't go away | my breast is bleeding | my wound from the biopsy is leaking pus
biopsy spot is red and hot | the incision is infected | i have chills and my breast is red
my breast is warm and swollen and painful | theres a bruise on my breast that wont go away
my breast feels thick | thick spot in my breast | hard spot in my breast | my implant feels different and hard
i think my implant ruptured | my mother found a lump | my wife has nipple discharge
my daughter is 19 and has a lump | i am a man with a lump in my chest | my husband has a lump under his nipple
its a lump isnt it | lump | found a limp in my breast | lumb in brest | a lump came back
had a lump removed and now theres another | is a lump always cancer | i can feel a lump but it doesnt hurt
painful lump in breast | the lump moves when i touch it | there is fluid coming from my breast
im leaking milk but not pregnant | my bra has blood on it | spots of blood in my bra | breast pain and redness
my breast is itchy and red and swollen | scaly skin on breast | peeling skin on my nipple
my breast looks bruised and i didnt hit it | the veins in my breast are bigger | my breast is hard as a rock
my breast feels heavy and swollen | part of my breast is caved in | my breast is puckered | a dent in my breast
skin tightening on breast | ulcer on my breast | my areola changed | i noticed a change in my breast
something doesnt feel right in my breast | my breast looks different in the mirror
there is a bump in my breast that was not there before | pimple like bump on my nipple
cyst in breast is getting bigger | drain site is oozing | mastitis getting worse | i think i have mastitis
tengo una bolita en el seno | me salio un bulto | siento un bulto en la axila | encontre algo duro en mi pecho
tengo una masa en el seno | me toco y siento una pelotita | el bulto esta creciendo | mi seno esta rojo
tengo el seno caliente | el seno se me hincho | tengo fiebre y dolor en el seno | mi seno tiene hoyitos
la piel de mi seno parece naranja | el pezon se me hundio | mi pezon esta sangrando
me sale liquido por el pezon | me sale agua del seno | tengo una costra en el pezon | me pica mucho el pezon
el pezon esta rojo | mi seno cambio de forma | un seno mas grande que el otro | tengo los ganglios inflamados
me duele la axila y tengo una bola | tengo una herida en el seno que no sana | me sale pus
la biopsia se me infecto | donde me hicieron la biopsia esta rojo y caliente | tengo la chichi inflamada
se me puso duro el seno | mi mama tiene un bulto | mi esposo tiene una bolita en la tetilla
soy hombre y tengo un bulto | mi hija tiene una bolita | sangre en el brasier | manchas de sangre en mi bra
mi seno se ve raro | note un cambio en mi seno | me salio una bola debajo del brazo | tengo un quiste que crecio
me salieron ronchas en el seno | piel gruesa en el seno | el seno se me puso morado | tengo mastitis y fiebre
siento algo raro en el seno | un bultito chiquito | bolita que se mueve | vultito en el ceno
tengo una vola en el pecho | me duele el seno y esta rojo | somethin hard under the skin by my nipple
feels like theres a bean in there | a firm spot in my breast that wasnt there | little ball in my boob that rolls
noticed a thick ridge in my breast | my breast has a pit in it | theres a dip in my breast skin
my boob is caving in on one side | the skin is puckering near my scar | my nipples are different now one is flat
nipple went inside out | wet spot on my shirt from my nipple | brown stuff came out of my breast
theres a yellow crust on my bra | blood stain in my bra | my boob is throbbing, red and feverish
breast looks sunburned | angry red patch spreading on breast | my breast is burning up
i have the shakes and my breast is red | one breast doubled in size | my bra is tight on one side all of a sudden
my breast dropped lower than the other one | glands under my arm are up | tender knot under my arm
lump by my collar bone | biopsy spot is oozing and stinks | my stitches opened and there is pus
the place they did the needle is hot and red | got a fever after my biopsy | pimple on breast that won't heal
open sore on my breast | itchy flaky nipple | my implant is lumpy now | my mom wont get her lump checked
patient has palpable mass in left breast | palpable lump 2 cm upper outer quadrant
i have a lump do i need an earlier appointment | should my mammogram be sooner because i found a lump
can i cancel my mammogram now i found a lump | does a lump hurt if its cancer because mine does
i swear something is growing in there | tengo una pelotita en la chichi
me siento una cosa dura debajo del pezon | traigo un nudo en el pecho | senti un granito duro en el seno
el seno izquierdo se me hundio | la piel del pecho esta como con hoyitos | el pezon se me volteo
me sale algo amarillo del pezon | amanecio mojada mi blusa del pezon | mi pecho esta ardiendo y rojo
tengo el seno bien hinchado y rojo | tengo calentura y me duele el seno | un pecho se me hizo mas grande
tengo inflamados los ganglios de la axila | bola en el cuello del mismo lado | me supura la herida de la biopsia
la herida huele feo y esta roja | llaga en el pezon | mi tia tiene un tumor que se siente
vulto nuebo en mi ceno
"""
STOP = """
stop sending me stuff | i dont wanna get these no more | pls take my number out
no longer interested in receiving these | unsuscribe | quit sending me messages
i'd like to stop receiving texts | cease all communication | dont contact me ever again
kindly remove me from your contact list | how do i unsubscribe | end all texts | too many texts stop
im good no more texts | please no more | leave me out of this | stop blowing up my phone
could you please not text me anymore | opt-out | ya no quiero sus mensajes | dejen de mandar textos por favor
no me envien mas mensajes | quiero cancelar los mensajes | quiten mi telefono de su lista
ya basta con los mensajes | como cancelo estos mensajes | no me interesa recibir mensajes
ya parenle con los textos | favor de no escribirme | suspendan los recordatorios
"""
NOT_STOP = """
can you cancel my appointment | unsubscribed from netflix | stop by the clinic? | I stopped taking calcium
can i stop by today
please dont stop the reminders | i did not get a text | no more mammograms for me | i dont want a biopsy
text me my results | when should i stop taking aspirin | is there an end time for my appointment
puedo cancelar mi cita | dejé de tomar calcio | no quiero más placas | no dejen de escribirme
no me llegó el mensaje de la cita | debo dejar de tomar la pastilla | ya pare de fumar
"""
NOT_A_RED_FLAG = """
can I breathe during the picture | is it safe to breathe | how hard do they press the breast | I had breast surgery
what are the white spots in my breast | my husband had a stroke last year, can he come with me | is the room hot
does the mammogram hurt | the squeeze made my breasts sore last time | how will they stop the bleeding after a biopsy
will i die | qué significa un seno denso | puedo ir con fiebre | aprietan mucho el seno | duele la mamografía del seno
lumpy gravy | theres a lump in my mattress ha | the car battery is dead | my feet are killing me in these shoes
me muero de hambre
"""


@pytest.mark.parametrize("words", rows(URGENT))
def test_an_emergency_is_recognized_in_any_wording(line: CompiledLine, words: str) -> None:
    # Some wordings fit a symptom and an emergency. Both answers tell the caller to get help.
    assert line.matcher.match(words).topic in RED_FLAGS
    assert line.matcher.match(words.upper(), "es").topic in RED_FLAGS


@pytest.mark.parametrize("words", rows(PERSON_SOON))
def test_a_symptom_that_cannot_wait_is_recognized_in_any_wording(line: CompiledLine, words: str) -> None:
    assert line.matcher.match(words).topic in RED_FLAGS
    assert line.matcher.match(words.upper(), "es").topic in RED_FLAGS


@pytest.mark.parametrize(
    "words",
    [
        "I was reading your page, it is very nice, and my neighbor told me about it. {} What do you say to that?",
        "hi its me again, sorry to bother, i wanted to ask about friday but {}",
        "{} and please stop texting me",
        "what should i wear, is it cancer, {}",
    ],
)
def test_a_red_flag_is_recognized_within_a_longer_message(line: CompiledLine, words: str) -> None:
    for flag, topic in (("my chest hurts and I cannot breathe", "urgent"), ("I found a lump", "person-soon")):
        result = line.matcher.match(words.format(flag))
        assert result.topic == topic
        assert result.also_stop == ("stop" in words)


@pytest.mark.parametrize("words", rows(STOP))
def test_an_opt_out_is_recognized_in_any_wording(line: CompiledLine, words: str) -> None:
    assert line.matcher.match(words).topic == "stop"


@pytest.mark.parametrize("words", rows(NOT_STOP))
def test_no_other_request_is_taken_for_an_opt_out(line: CompiledLine, words: str) -> None:
    result = line.matcher.match(words)
    assert result.topic != "stop"
    assert not result.also_stop


@pytest.mark.parametrize("words", rows(NOT_A_RED_FLAG))
def test_a_message_that_only_resembles_a_red_flag_is_not_one(line: CompiledLine, words: str) -> None:
    assert line.matcher.match(words).topic not in ("urgent", "person-soon")


@pytest.mark.parametrize("conversation", ["en", "es"])
@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("qué son las calcificaciones", "es"),
        ("can i wear deodorant", "en"),
        ("stop texting me", "en"),
        ("ok", None),
        ("Ottoline", None),
        ("3", None),
        ("STOP", None),
    ],
)
def test_the_language_is_detected_or_else_taken_from_the_conversation(
    line: CompiledLine, words: str, language: str | None, conversation: str
) -> None:
    assert line.matcher.match(words, conversation).language == (language or conversation)


@pytest.mark.parametrize("conversation", ["en", "es"])
def test_a_request_for_a_language_resolves_to_that_language(line: CompiledLine, conversation: str) -> None:
    requests = {"spanish please": "es", "no entiendo inglés": "es", "english": "en", "I don't read Spanish": "en"}
    for words, language in requests.items():
        result = line.matcher.match(words, conversation)
        assert (result.topic, result.language) == ("language", language), words


REFUSED_LANGUAGES = {
    "es": """
    i dont speak english | I don't understand English | not english please | sorry no english | no hablo nada de inglés
    en inglés no | my mom can't read english | don't send it in English, Spanish please
    """,
    "en": """
    no hablo español | i dont speak spanish | not spanish please | no leo español | i cannot read Spanish, only English
    """,
}


@pytest.mark.parametrize("conversation", ["en", "es"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_who_refuses_a_language_gets_the_other_one(line: CompiledLine, language: str, conversation: str) -> None:
    for words in rows(REFUSED_LANGUAGES[language]):
        result = line.matcher.match(words, conversation)
        assert (result.topic, result.language) == ("language", language), words


PAPERS_AND_STAFF = """
can my report be in spanish | do you have papers in spanish | can I have the letter in spanish
will the technologist speak spanish | does the doctor speak Spanish | are the forms in spanish
tienen los papeles en español | la técnica habla español? | el reporte puede ser en español
"""


@pytest.mark.parametrize("conversation", ["en", "es"])
@pytest.mark.parametrize("words", rows(PAPERS_AND_STAFF))
def test_papers_and_staff_in_a_language_never_change_that_of_the_conversation(
    line: CompiledLine, words: str, conversation: str
) -> None:
    result = line.matcher.match(words, conversation)
    assert (result.topic, result.language) == ("interpreter", conversation)


def test_the_matcher_agrees_with_the_lint_rule_about_every_phrase(line: CompiledLine) -> None:
    index = PhraseIndex(line.content)
    owners = {phrase: prompt.name for prompt in line.content.prompts.values() for phrase in prompt.phrases}
    expected = {phrase: index.priority_outcome(phrase) or name for phrase, name in owners.items()}
    assert expected == {phrase: line.matcher.match(phrase).topic for phrase in owners}


def test_a_reply_word_leads_to_its_answer_in_any_case(line: CompiledLine) -> None:
    for name, words in line.content.config.words.items():
        for language, word in words.items():
            for written in (word, word.lower(), f"{word}."):
                result = line.matcher.match(written, language)
                assert (result.topic, result.language) == (name, language)


@pytest.mark.parametrize("conversation", ["en", "es"])
@pytest.mark.parametrize(
    "words", ["I speak Nepali", "você fala português", "je parle français", "can i have an interpreter", "你会说中文吗"]
)
def test_another_language_gets_the_interpreter_answer_in_the_language_of_the_conversation(
    line: CompiledLine, words: str, conversation: str
) -> None:
    result = line.matcher.match(words, conversation)
    assert (result.topic, result.language) == ("interpreter", conversation)


def test_only_answers_with_a_number_or_a_reply_word_are_ambiguous(line: CompiledLine) -> None:
    subjects = {subject.id for subject in line.content.config.subjects} | set(line.content.config.reply_words)
    for question in islice(line.content.questions(), 0, None, 20):
        result = line.matcher.match(question.words)
        assert (result.topic == "ambiguous") == (result.between is not None)
        assert not result.between or subjects.issuperset(result.between)


def test_the_result_has_a_runner_up_and_scores_in_descending_order(line: CompiledLine) -> None:
    result = line.matcher.match("does the biopsy mean it is cancer")
    scores = list(result.scores.values())
    assert result.runner_up in result.scores
    assert result.runner_up != result.topic
    assert scores == sorted(scores, reverse=True)
    assert len(scores) <= 5


def test_only_both_ends_of_an_overlong_message_are_read(line: CompiledLine, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    def recording_normalize(words: str) -> str:
        lengths.append(len(words))
        return normalize(words)

    monkeypatch.setattr("ivr.line.nlu.matcher.normalize", recording_normalize)
    assert line.matcher.match(f"I found a lump. {FILLER}").topic == "person-soon"
    assert line.matcher.match(f"{FILLER} my chest hurts").topic == "urgent"
    assert max(lengths) <= MOST_CHARACTERS + 1


def test_words_are_compared_by_stem_and_sound() -> None:
    assert stem("hinchadas") == stem("hinchado")
    assert stem("lumps") == stem("lump")
    assert phonetic_key("vulto") == phonetic_key("bulto")
    assert phonetic_key("kiero") == phonetic_key("quiero")
    assert content_words("i can not breathe please") == ("cant", "breathe")


REQUESTS_FOR_TEXTS = """
don't stop texting me | I want texts | I want the messages | send the texts | send me more texts | text me
please keep texting me | quiero el mensaje | quiero mensajes | envíeme mensajes | quiero más mensajes | mensaje
no dejen de mandar mensajes | recibir un mensaje | messages | more texts please | message me
"""


@pytest.mark.parametrize("words", rows(REQUESTS_FOR_TEXTS))
def test_a_request_for_texts_is_never_taken_for_an_opt_out(line: CompiledLine, words: str) -> None:
    assert line.matcher.match(words).topic != "stop"
