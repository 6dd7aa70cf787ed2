"""
Digests kept between hunts: a folder to which calls are added, from which days age out and accounts are removed.

    store.json       how its digests are made; fixed when the store is made
    calls/day=…/     what is left of the calls, without text: Parquet, one file or more for each source and day
    sources/         a record of each file that was read, written when all its calls are on the disk
    history.json     campaigns by the id that they keep, and what became of them
    journal.jsonl    what was dropped and removed, each line naming the hash of the line before

What is in a store is the union of its sources, each found by what it holds, so neither the order in which they come nor
that one comes twice makes a difference. A record, or a line of the journal, is the moment at which something
counts; whatever a process that was killed leaves beside them is swept away when the store is opened the next time.
"""
