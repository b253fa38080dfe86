"""Spanish, as it is written and read in the United States."""

from ivr.line.locales.locale import Locale, word_set

LOCALE = Locale(
    code="es",
    hours="de {days}, de {opens} a {closes}",
    hours_on_one_day="los {days}, de {opens} a {closes}",
    day_range="{first} a {last}",
    today="hoy",
    tomorrow="mañana",
    on_day="el {day}",
    day_at_time="{day} a las {time}",
    clock_locale="es_US",
    reminder_date="'el' EEEE d 'de' MMM'.'",
    longest_date="el miércoles 30 de sept.",
    longest_time="12:30 p.m.",
    filler_words=word_set(
        """
        al con de del el en es esta estan este estoy favor hay la las le les lo los me mi mis para por que se si soy su
        sus te tengo tiene tu un una unas unos usted y ya gracias
        """
    ),
    either_words=word_set("o u ni"),
    names=word_set("espanol spanish castellano"),
    words_for_texts=word_set("mensaj texto msj aviso recordatorio numero lista"),
    joined_words={"no mas": "nomas"},
    hyphenation="es",
    grade_formula="crawford",
    titles=word_set("dr dra sr sra srta"),
    number_abbreviations=word_set("no núm num tel"),
    preview_voice="es-ES",
    yes=frozenset(("si", "confirmo", "si por favor", "claro")),
    confirm_replies=frozenset(("confirmado", "si confirmo", "c si")),
    change_replies=frozenset(("cambiar", "cambio")),
    courtesy_words=word_set("gracias muchas por favor"),
)
