"""The start page: conversations, calls and errors, newest first, without JavaScript."""

from flask import render_template_string

from simulator.account import Account

SHOWN = 50

TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The simulated phone network</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color:
  #1c2733; } h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2rem; }
  p.quiet, time, .quiet { color: #54606c; font-size: .875rem; } details { border: 1px solid #cfd6dd; border-
  radius: .5rem; margin: .5rem 0; padding: .5rem .75rem; } summary { cursor: pointer; } ol { list-style:
  none; padding: 0; margin: .5rem 0; display: flex; flex-direction: column; } li { max-width: 80%; padding:
  .4rem .75rem; margin: .25rem 0; border-radius: .75rem; white-space: pre-wrap;
       overflow-wrap: anywhere; background: #e8edf2; }
  li.in { align-self: flex-end; background: #d5e8fb; }
  code { background: #eef1f4; padding: .1rem .3rem; border-radius: .25rem; overflow-wrap: anywhere; }
  .wrong { color: #9b1c1c; }
</style>
</head>
<body>
<h1>The simulated phone network</h1>
<p class="quiet">A Twilio account on this machine. The line's number is {{ settings.sender }}; calls and
texts go to {{ settings.public_url }}. The time is {{ settings.now().strftime("%Y-%m-%d %H:%M:%S") }} UTC.
Nothing leaves this machine.</p> <p>Call the line with <code>infoline call</code>, text it with
<code>infoline text "help"</code>, then reload this page.</p>

<h2>Texts</h2>
{% for number, texts in threads %}
<details{% if loop.first %} open{% endif %}>
  <summary>{{ number }} <span class="quiet">{{ texts|length }} text{{ "" if texts|length == 1 else "s"
  }}</span></summary> <ol>{% for text in texts[-shown:] %}
    <li class="{{ 'in' if text.direction == 'inbound' else 'out' }}">{{ text.body }}
<time>{{ text.created.strftime("%d %b %H:%M:%S") }} · {{ text.status }}{% if text.error %}
 · <span class="wrong">{{ text.error }}</span>{% endif %} · {{ text.segments }} segment{{ "" if
 text.segments == 1 else "s" }}</time></li>{% endfor %}
  </ol>
</details>
{% else %}<p class="quiet">No texts yet.</p>{% endfor %}

<h2>Calls</h2>
{% for call in calls %}
<details{% if loop.first %} open{% endif %}>
  <summary>{{ call.caller }} → {{ call.called }}
    <span class="quiet">{{ call.created.strftime("%d %b %H:%M:%S") }} · {{ call.status }}</span></summary>
  <ol>{% for turn in call.turns %}{% for said in turn.said %}
    <li class="out">{{ said }}</li>{% endfor %}{% if turn.dial %}
    <li class="out">Dialing {{ turn.dial|join(", ") }}</li>{% endif %}{% if turn.error %}
    <li class="out wrong">{{ turn.error }}</li>{% endif %}{% endfor %}
  </ol>
  <p class="quiet"><a href="/simulator/calls/{{ call.sid }}">details of this call</a></p>
</details>
{% else %}<p class="quiet">No calls yet.</p>{% endfor %}

<h2>Errors</h2>
{% for entry in debugger %}
<p><span class="quiet">{{ entry.at.strftime("%d %b %H:%M:%S") }} {{ entry.code }} {{ entry.path
}}</span><br>{{ entry.sentence }}</p> {% else %}<p class="quiet">No errors.</p>{% endfor %} <p
class="quiet"><a href="/simulator/log">all texts as JSON</a></p> </body> </html>
"""  # noqa: E501


def page(account: Account) -> str:
    """The start page as HTML."""
    with account.lock:
        threads = [(number, list(texts)) for number, texts in account.threads.items()]
        calls = list(account.calls.values())
        debugger = list(account.debugger)
    threads.sort(key=lambda thread: thread[1][-1].created, reverse=True)
    return render_template_string(
        TEMPLATE,
        settings=account.settings,
        threads=threads[:SHOWN],
        calls=calls[: -SHOWN - 1 : -1],
        debugger=debugger[: -SHOWN - 1 : -1],
        shown=SHOWN,
    )
