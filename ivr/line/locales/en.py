"""English, as Americans write and read it."""

from ivr.line.locales.locale import Locale, word_set

LOCALE = Locale(
    code="en",
    hours="{days} from {opens} to {closes}",
    day_range="{first} to {last}",
    today="today",
    tomorrow="tomorrow",
    on_day="on {day}",
    day_at_time="{day} at {time}",
    clock_locale="en_US",
    reminder_date="EEE MMM d",
    longest_date="Wed, Sep 30",
    longest_time="12:30 PM",
    filler_words=word_set(
        """
        a an and am are at be been by do for from had has have i im in is it ive me my of on our please so that the
        their there these they this to us was we were with you your ok okay thank thanks
        """
    ),
    either_words=word_set("or nor"),
    names=word_set("english ingles"),
    words_for_texts=word_set("text txt messag msg sms reminder alert notif number subscri unsub"),
    joined_words={"can not": "cant", "cannot": "cant", "do not": "dont", "will not": "wont", "no more": "nomore"},
    grade_formula="flesch-kincaid",
    titles=word_set("dr mr mrs ms st mt"),
    number_abbreviations=word_set("no tel"),
    preview_voice="en-US",
    preview_voices_by_tag={"en-GB": "en-GB"},
    yes=frozenset(("yes", "y", "ok", "okay", "yes please", "yep", "sure")),
    confirm_replies=frozenset(("confirm", "confirmed", "i confirm", "yes confirm", "yes i confirm", "c yes")),
    change_replies=frozenset(("change", "reschedule")),
    courtesy_words=word_set("thank thanks you u so much very please ok okay"),
)
