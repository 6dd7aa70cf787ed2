"""
Sentence frames in eleven languages besides English, same slots as in `frames`.

Five languages cover every kind of request; the other six have enough for customer service.
"""

from __future__ import annotations

LANGUAGES = ("en", "de", "es", "fr", "zh", "ja", "pt", "it", "nl", "pl", "tr", "ko")

TASKS_INTL: dict[str, dict[str, tuple[str, ...]]] = {
    "de": {
        "software": (
            "Schreibe eine Python-Funktion {i}, die jede {n} prüft und {n} zurückgibt. ",
            "Der Test für {i} schlägt mit KeyError fehl, finde den Fehler im Code. ",
            "Überarbeite {i}.py, damit {n} und {n} getrennte Module sind. ",
        ),
        "agentic": (
            "Rufe die Werkzeuge auf, um {i} zu öffnen, und entscheide den nächsten Schritt für {n}. ",
        ),
        "reasoning": (
            "Löse Schritt für Schritt: {k} {n} kosten {k} Euro, wie viel kosten {k}? ",
            "Beweise, dass die {n} höchstens {k} mal so groß ist wie die {n}. ",
        ),
        "grading": ("Bewerte die Antwort über {n} auf einer Skala von 1 bis {k} und begründe die Note. ",),
        "generation": ("Erzeuge {k} Frage-Antwort-Paare über {n} als JSON. ",),
        "safety": ("Ist es erlaubt, die {n} ohne Zustimmung weiterzugeben? Nenne die Richtlinie. ",),
        "roleplay": ("Bleib in deiner Rolle: du bist {w} und bewachst die {n}. ",),
        "other": (
            "Fasse den Bericht über {n} und {n} in {k} Sätzen zusammen. ",
            "Schreibe eine höfliche E-Mail an {w} wegen der {n}. ",
            "Meine Bestellung mit {n} ist seit {k} Tagen nicht da, was kann ich tun? ",
        ),
    },
    "es": {
        "software": (
            "Escribe una función {i} en Python que agrupe cada {n} por {n}. ",
            "La prueba de {i} falla con KeyError, encuentra el error en el código. ",
        ),
        "agentic": ("Usa las herramientas para abrir {i} y decide el siguiente paso con {n}. ",),
        "reasoning": (
            "Resuelve paso a paso: {w} tiene {k} {n} y reparte {k}, ¿cuántos quedan? ",
            "Demuestra que {n} nunca supera {k} veces {n}. ",
        ),
        "grading": ("Evalúa la respuesta sobre {n} del 1 al {k} y justifica la nota. ",),
        "generation": ("Genera {k} pares de pregunta y respuesta sobre {n} en JSON. ",),
        "safety": ("¿Se puede compartir {n} de {w} sin permiso? Cita la norma. ",),
        "roleplay": ("Sigue en tu papel: eres {w}, guardián de {n}. ",),
        "other": (
            "Resume la nota sobre {n} y {n} en {k} líneas. ",
            "Escribe un correo a {w} por el retraso de {n}. ",
            "Mi pedido de {n} lleva {k} días sin llegar, ¿qué hago? ",
        ),
    },
    "fr": {
        "software": (
            "Écris une fonction Python {i} qui trie chaque {n} par {n}. ",
            "Le test de {i} échoue avec KeyError, trouve l'erreur dans le code. ",
        ),
        "agentic": ("Utilise les outils pour ouvrir {i} et choisis la prochaine étape pour {n}. ",),
        "reasoning": (
            "Résous étape par étape : {k} {n} pour {k} euros, combien pour {k} ? ",
            "Démontre que {n} est toujours inférieur à {k} fois {n}. ",
        ),
        "grading": ("Note la réponse sur {n} de 1 à {k} et justifie. ",),
        "generation": ("Génère {k} paires question-réponse sur {n} en JSON. ",),
        "safety": ("A-t-on le droit de partager {n} de {w} sans accord ? Cite la règle. ",),
        "roleplay": ("Reste dans ton rôle : tu es {w}, qui garde {n}. ",),
        "other": (
            "Résume la note sur {n} et {n} en {k} lignes. ",
            "Rédige un courriel à {w} au sujet du retard de {n}. ",
            "Ma commande de {n} a {k} jours de retard, que faire ? ",
        ),
    },
    "zh": {
        "software": (
            "请写一个 Python 函数 {i}，按{n}统计{n}。",
            "{i} 的单元测试报 KeyError，请找出代码中的错误。",
        ),
        "agentic": ("请调用工具打开 {i}，决定处理{n}的下一步。",),
        "reasoning": ("请一步一步推理：{k} 个{n}分给 {k} 人，还剩多少？", "证明{n}不超过{n}的 {k} 倍。"),
        "grading": ("请按 1 到 {k} 分给关于{n}的回答打分，并说明理由。",),
        "generation": ("生成 {k} 条关于{n}的问答数据，输出 JSON。",),
        "safety": ("未经 {w} 同意可以公开{n}吗？请引用规定。",),
        "roleplay": ("保持角色：你是 {w}，负责看守{n}。",),
        "other": (
            "用 {k} 句话总结{n}和{n}的说明。",
            "给 {w} 写一封关于{n}延误的邮件。",
            "我的{n}订单 {k} 天没到，怎么办？",
        ),
    },
    "ja": {
        "software": (
            "{n}を{n}ごとに集計する Python 関数 {i} を書いてください。",
            "{i} のテストが KeyError で失敗します。コードの誤りを見つけて。",
        ),
        "agentic": ("ツールで {i} を開き、{n}の次の手順を決めてください。",),
        "reasoning": (
            "順を追って解いてください：{n}が {k} 個、{k} 人で分けると残りは？",
            "{n}が{n}の {k} 倍以下であることを証明。",
        ),
        "grading": ("{n}についての回答を 1 から {k} で採点し、理由を書いて。",),
        "generation": ("{n}に関する質問と回答を {k} 組、JSON で作成。",),
        "safety": ("{w} の同意なしに{n}を共有してよいですか。規則を示して。",),
        "roleplay": ("役を続けて：あなたは{n}を守る {w} です。",),
        "other": (
            "{n}と{n}のメモを {k} 行で要約。",
            "{n}の遅れについて {w} にメールを書いて。",
            "{n}の注文が {k} 日届きません。どうすれば？",
        ),
    },
    "pt": {
        "other": (
            "O meu pedido de {n} está atrasado {k} dias, o que faço? ",
            "Como altero {n} na minha conta? ",
            "Resuma a nota sobre {n} e {n}. ",
        )
    },
    "it": {
        "other": (
            "Il mio ordine di {n} è in ritardo di {k} giorni, cosa faccio? ",
            "Come cambio {n} nel mio conto? ",
            "Riassumi la nota su {n} e {n}. ",
        )
    },
    "nl": {
        "other": (
            "Mijn bestelling van {n} is {k} dagen te laat, wat nu? ",
            "Hoe wijzig ik {n} in mijn account? ",
            "Vat de notitie over {n} en {n} samen. ",
        )
    },
    "pl": {
        "other": (
            "Moje zamówienie na {n} spóźnia się {k} dni, co robić? ",
            "Jak zmienić {n} na koncie? ",
            "Streść notatkę o {n} i {n}. ",
        )
    },
    "tr": {
        "other": (
            "{n} siparişim {k} gündür gelmedi, ne yapmalıyım? ",
            "Hesabımda {n} nasıl değişir? ",
            "{n} ve {n} notunu özetle. ",
        )
    },
    "ko": {
        "other": (
            "{n} 주문이 {k}일째 오지 않아요. 어떻게 하나요? ",
            "계정에서 {n} 변경은 어떻게 하나요? ",
            "{n}와 {n} 메모를 요약해 주세요. ",
        )
    },
}

DETAILS_INTL: dict[str, tuple[str, ...]] = {
    "de": (
        "Die {n} stammt aus {i} und enthält {k} {n}. ",
        "Letzte Woche waren {k} von {k} {n} fehlerhaft. ",
        "{w} sagt, die {n} darf nie doppelt sein. ",
        "Eingabe: {n}={k}, {n}={k}. ",
    ),
    "es": (
        "{n} viene de {i} y contiene {k} {n}. ",
        "La semana pasada fallaron {k} de {k} {n}. ",
        "{w} dice que {n} no debe repetirse. ",
        "Entrada: {n}={k}, {n}={k}. ",
    ),
    "fr": (
        "{n} vient de {i} et contient {k} {n}. ",
        "La semaine dernière {k} {n} sur {k} ont échoué. ",
        "{w} dit que {n} ne doit pas se répéter. ",
        "Entrée : {n}={k}, {n}={k}. ",
    ),
    "zh": (
        "{n}来自 {i}，共 {k} 条{n}。",
        "上周 {k} 个{n}中有 {k} 个出错。",
        "{w} 说{n}不能重复。",
        "输入：{n}={k}，{n}={k}。",
    ),
    "ja": (
        "{n}は {i} から来て、{n}が {k} 件あります。",
        "先週は {k} 件中 {k} 件の{n}が失敗。",
        "{w} によると{n}は重複禁止。",
        "入力：{n}={k}、{n}={k}。",
    ),
    "pt": ("O número é {k} e o {n} veio de {i}. ", "{w} disse que o {n} já saiu. "),
    "it": ("Il numero è {k} e {n} viene da {i}. ", "{w} dice che {n} è partito. "),
    "nl": ("Het nummer is {k} en {n} komt uit {i}. ", "{w} zegt dat {n} al weg is. "),
    "pl": ("Numer to {k}, {n} pochodzi z {i}. ", "{w} mówi, że {n} już wysłano. "),
    "tr": ("Numara {k}, {n} {i} içinden geldi. ", "{w} {n} gönderildi diyor. "),
    "ko": ("번호는 {k}이고 {n}은 {i}에서 왔습니다. ", "{w} 말로는 {n}이 출발했대요. "),
}

CONSTRAINTS_INTL: dict[str, tuple[str, ...]] = {
    "de": ("Antworte kurz.", "Nur JSON bitte.", "Begründe die Wahl.", "Danke!"),
    "es": ("Responde breve.", "Solo JSON.", "Explica la elección.", "¡Gracias!"),
    "fr": ("Réponds brièvement.", "JSON seulement.", "Explique le choix.", "Merci !"),
    "zh": ("请简短回答。", "只输出 JSON。", "说明理由。", "谢谢！"),
    "ja": ("短く答えて。", "JSON のみ。", "理由も。", "お願いします。"),
    "pt": ("Obrigado!",),
    "it": ("Grazie!",),
    "nl": ("Bedankt!",),
    "pl": ("Dziękuję!",),
    "tr": ("Teşekkürler!",),
    "ko": ("감사합니다!",),
}

ANSWERS_INTL: dict[str, tuple[str, ...]] = {
    "de": (
        "Die {n} hängt von {i} ab, prüfe zuerst die {n}. ",
        "Kurz gesagt: {n}, {n} und {n}, zusammen {k}. ",
    ),
    "es": ("{n} depende de {i}, revisa primero {n}. ", "En resumen: {n}, {n} y {n}, en total {k}. "),
    "fr": ("{n} dépend de {i}, vérifie d'abord {n}. ", "En bref : {n}, {n} et {n}, au total {k}. "),
    "zh": ("{n}取决于 {i}，请先检查{n}。", "总之：{n}、{n}和{n}，共 {k}。"),
    "ja": ("{n}は {i} に依存します。まず{n}を確認。", "要点：{n}、{n}、{n}、合計 {k}。"),
    "pt": ("O seu {n} chega em {k} dias, veja {n}. ",),
    "it": ("{n} arriva tra {k} giorni, vedi {n}. ",),
    "nl": ("Uw {n} komt over {k} dagen, zie {n}. ",),
    "pl": ("{n} dotrze za {k} dni, zobacz {n}. ",),
    "tr": ("{n} {k} gün içinde gelir, {n} bölümüne bakın. ",),
    "ko": ("{n}은 {k}일 안에 도착합니다. {n}을 확인하세요. ",),
}
