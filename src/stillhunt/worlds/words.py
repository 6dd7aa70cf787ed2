# ruff: noqa: E501
"""
The raw words that topics, names and identifiers are made of, as plain strings to split on spaces.

Twenty-five fields of work, each the source of six topics; syllables per language for the words that no
dictionary has. Nothing here depends on a seed.
"""

from __future__ import annotations

FIELDS: dict[str, str] = {
    "payments": "invoice refund ledger settlement chargeback merchant payout currency tax receipt subscription"
    " balance dispute gateway acquirer fee statement reconciliation escrow mandate transfer voucher remittance",
    "logistics": "shipment warehouse pallet route carrier dock manifest container customs parcel inventory courier"
    " freight depot tracking fleet consignment barcode shelf picking lorry harbour forwarder",
    "medicine": "patient diagnosis dosage trial symptom biopsy ward prescription allergy triage imaging vaccine"
    " plasma anatomy referral therapy clinician cohort placebo glucose suture pathology",
    "law": "contract clause statute plaintiff ruling appeal tenant liability patent injunction deposition treaty"
    " testimony counsel verdict arbitration covenant docket notary easement warranty indemnity",
    "biology": "enzyme genome protein membrane mutation species bacterium pathway receptor chromosome larva pollen"
    " habitat ribosome plasmid antibody fungus predator cortex lineage tissue peptide",
    "physics": "momentum photon lattice entropy plasma resonance quark torque voltage diffraction isotope vacuum"
    " pendulum spectrum inertia magnet capacitor turbulence neutron phase potential wavelength",
    "mathematics": "theorem integral matrix polynomial sequence graph prime vector proof inequality permutation"
    " lattice manifold probability recursion eigenvalue combinatorics determinant modulus lemma field series",
    "games": "quest dungeon sprite level inventory enemy physics shader lobby leaderboard loot avatar respawn combo"
    " tileset npc cutscene hitbox multiplayer puzzle badge arena",
    "education": "lesson quiz syllabus rubric exam pupil homework curriculum lecture grade essay tutor classroom"
    " semester worksheet scholarship seminar transcript reading vocabulary thesis campus",
    "retail": "basket checkout discount catalogue coupon storefront wishlist supplier price stock shopper review"
    " variant return loyalty brand promotion shelf margin assortment outlet bundle",
    "energy": "turbine grid inverter meter battery tariff outage solar transformer demand boiler pipeline emission"
    " substation forecast capacity load feeder hydrogen wind panel reactor",
    "farming": "harvest irrigation soil tractor seed fertiliser livestock orchard pest greenhouse yield barn crop"
    " drought compost silo pasture beekeeper vineyard drainage grain dairy",
    "finance": "portfolio bond yield hedge option volatility dividend broker equity futures margin liquidity swap"
    " index spread coupon benchmark drawdown exposure treasury fund derivative",
    "travel": "flight hotel itinerary booking passport luggage visa airport train resort ferry guide museum hostel"
    " timetable layover cruise fare terminal excursion landmark reservation",
    "music": "melody chord tempo playlist synthesiser lyric album rhythm sample mixer concert harmony bassline"
    " notation drum verse orchestra vinyl reverb scale choir interval",
    "security": "firewall token certificate incident malware phishing audit vault permission sandbox exploit patch"
    " credential endpoint alert session policy encryption scanner forensics honeypot rotation",
    "networks": "router packet latency socket proxy handshake subnet bandwidth gateway firmware cache resolver"
    " congestion tunnel switch broadcast timeout backbone peering jitter frame retransmission",
    "databases": "query index transaction schema migration replica partition trigger cursor join deadlock snapshot"
    " shard view checkpoint vacuum constraint rollback column isolation backup planner",
    "frontend": "component layout button modal stylesheet router form tooltip animation viewport theme hook state"
    " accessibility carousel navbar breakpoint icon dropdown hydration canvas bundle",
    "robots": "gripper sensor actuator lidar trajectory servo odometry encoder calibration waypoint drone chassis"
    " controller payload kinematics obstacle motor camera docking joint planner firmware",
    "astronomy": "telescope orbit comet galaxy nebula eclipse satellite asteroid parallax redshift crater pulsar"
    " spectrum transit star observatory horizon meteor lander spacecraft antenna corona",
    "cooking": "recipe oven dough marinade spice broth pastry skillet garnish ferment pantry sauce menu roast"
    " whisk noodle caramel seasoning bakery knife butter simmer",
    "housing": "tenant lease mortgage plumbing insulation listing renovation appraisal roof landlord floorplan"
    " permit heating garden deposit inspection contractor facade elevator parking zoning brick",
    "publishing": "manuscript chapter editor headline citation footnote draft novel magazine newsletter printing"
    " archive columnist proofreading translation cover author royalty glossary paragraph typeset index",
    "people": "payroll vacation interview onboarding contract overtime pension candidate appraisal shift roster"
    " recruiter salary benefit absence training headcount resignation mentor feedback bonus workload",
}

TECH = (
    "queue schema cache worker batch parser stream handler index token buffer service report dashboard export import"
    " pipeline log event record model rule limit filter mapper status snapshot job policy profile registry planner"
    " cluster monitor budget archive template bridge adapter counter window threshold matrix forecast checklist"
)

VERBS = (
    "load merge split validate rank estimate compress schedule rename summarise compare group filter extract export"
    " convert align normalise archive measure simulate cache trace balance publish rotate count inspect repair route"
)

ADJECTIVES = (
    "slow broken nightly regional legacy shared empty duplicate weekly partial manual hidden seasonal expired nested"
    " remote noisy public internal sparse large urgent daily missing stale flexible robust compact strict experimental"
)

PEOPLE = (
    "Amara Bjorn Chloe Dmitri Elena Farid Greta Hiro Ines Jonas Kavya Liam Mei Noor Oskar Priya Quentin Rosa Sven"
    " Tariq Uma Viktor Wanda Ximena Yusuf Zofia Aiko Bruno Carmen Dinesh Emeka Fatima Goran Hanna Ivo Jana"
)

TAGS = "analysis thinking trace rationale work steps scratch inner reason chain notes process"

UNITS = "ms|seconds|rows|percent|euros|days|items|pages|hours|users|km|MB"

SYLLABLES: dict[str, str] = {
    "en": "tar vel mon dri ka lor bex pin sul gra ne tho wis cor len dax mi ru fen pla zo ster nal vi hob que lin"
    " rad ote ser ump cal ith or ban",
    "de": "schla ver ung keit bau mer ge stell haus werk zei tung ner lich gro sam feld brun kel wa gen raum hof stu"
    " ben ding rich tig mei",
    "es": "cion mi ento ra do ca lle per so na ma yor tra ba jo ven ti lor ga nar re cam bo que ri llo sal ti ente",
    "fr": "eau ment ci ette ou vre tion lai sse gare pont che min lle bri que sou riant voi ture mer cier fa con ge",
    "zh": "数 据 流 程 系 统 管 理 分 析 服 务 网 络 接 口 模 型 任 务 计 算 结 果 文 档 订 单 库 存 客 户 运 输 市 场 财 报 表 安 全 设 备",
    "ja": "デ ー タ 処 理 画 面 設 定 管 理 顧 客 注 文 在 庫 配 送 検 索 機 能 学 習 予 約 料 金 確 認 資 料 会 議 記 録 工 程",
    "pt": "ção men to ra da ci nho lei te mar qua dro ven da pe di do con ta li vro ser vi co tem po",
    "it": "zione men to ra ta gli ore ven di ta pre zzo li bro con to ser vi zio ma gaz zi no por ta",
    "nl": "ing heid ver ge stel werk huis boek lijst prijs klant waar de op dracht dag sche ma",
    "pl": "nie ość prze za mó wie kli ent ce na ter min pro du kt us łu ga ra por li sta",
    "tr": "lar lık si pa riş ur ün fi yat müş te ri gün lis te ha ber ka yıt ser vis de po",
    "ko": "주 문 고 객 배 송 가 격 목 록 예 약 상 품 결 제 일 정 문 의 기 록 재 고",
}

FREE_MAIL = (
    "gmail.com outlook.com qq.com yahoo.com icloud.com proton.me hotmail.com gmx.de 163.com web.de naver.com"
    " libero.it wp.pl tuta.com mail.ru"
)
"""Public mailbox providers, most common first; every other domain of a world ends in the reserved `.example`."""
