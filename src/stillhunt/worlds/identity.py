"""The accounts table: who each account says it is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillhunt import contract
from stillhunt.worlds import words
from stillhunt.worlds.columns import (
    Column,
    column,
    hex_strings,
    ip_strings,
    names,
    nullable,
    org_strings,
    take,
)
from stillhunt.worlds.drafts import Accounts
from stillhunt.worlds.ids import Ints, mix, unit
from stillhunt.worlds.network import COUNTRIES
from stillhunt.worlds.population import CHANNELS, LICENCES, MAILBOXES, PLANS, PROGRAMMES

_FUNDING = ("credit", "debit", "prepaid", "virtual")


def _domains(domain: Ints) -> Column:
    """Return mail domains: public mailboxes for small numbers, else a name made from the number."""
    syllables = words.SYLLABLES["en"].split()
    found, place = np.unique(domain, return_inverse=True)
    key = mix(found, 201)
    public = words.FREE_MAIL.split()
    made = [
        public[number] if number < MAILBOXES else _domain_name(syllables, int(h))
        for number, h in zip(found.tolist(), key.tolist(), strict=True)
    ]
    domains: Column = take(column(made), place)
    return domains


def _domain_name(syllables: list[str], h: int) -> str:
    parts = []
    for _ in range(3 + h % 2):
        h, rest = divmod(h, len(syllables))
        parts.append(syllables[rest])
    return "".join(parts) + ("", "-it", "-labs", "-io", "-group")[h % 5] + ".example"


def account_table(accounts: Accounts, account_ids: Column) -> pa.Table:
    """Return the accounts in the order of the drafts."""
    pays = ~((accounts.plan == 4) & (unit(mix(accounts.email, 202)) < 0.5))
    columns = {
        "account_id": account_ids,
        "created_at": column(accounts.created, contract.TIMESTAMP),
        "org_id": org_strings(accounts.org),
        "plan": names(PLANS, accounts.plan),
        "programme": names(PROGRAMMES, accounts.programme),
        "signup_channel": names(CHANNELS, accounts.channel),
        "referral_code": nullable(hex_strings(accounts.referral, "ref_", 20, 8), accounts.referral >= 0),
        "email_hash": hex_strings(accounts.email, "", 21, 24),
        "email_domain": _domains(accounts.email_domain),
        "phone_hash": nullable(hex_strings(accounts.phone, "", 22, 24), accounts.phone >= 0),
        "payment_fingerprint": nullable(hex_strings(accounts.card, "pf_", 23), pays),
        "card_bin": nullable(column(400_000 + accounts.card_bin * 137).cast(pa.string()), pays),
        "card_funding": nullable(names(_FUNDING, accounts.funding), pays),
        "billing_country": nullable(names(COUNTRIES, accounts.billing), pays),
        "signup_ip": ip_strings(accounts.signup_ip),
        "signup_device_id": nullable(
            hex_strings(accounts.signup_device, "sdv_", 24), accounts.signup_device >= 0
        ),
        "licence": names(LICENCES, accounts.licence),
    }
    return pa.table([columns[f.name].cast(f.type) for f in contract.ACCOUNTS], schema=contract.ACCOUNTS)
