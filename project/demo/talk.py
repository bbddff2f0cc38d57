"""What people wrote about the demo's incidents and change requests. Data, not texts of the product: never translated.

Incidents are named by their titles (`cases`); who says something by their part in it, or by their address.
"""

from typing import NamedTuple


class Say(NamedTuple):
    """A comment by `who`: the customer who reported it, the agent who answers first, or who solves it.

    `internal`: among us. `waits`: it asks the customer something, and the incident waits for that. `severity`: the
    incident gets this one with it.
    """

    who: str
    text: str
    internal: bool = False
    waits: str = ""
    severity: str = ""


class Again(NamedTuple):
    """A resolved incident that came back: why, and what was done then. No notes: it is still worked on."""

    why: str
    notes: str = ""


class Built(NamedTuple):
    """A WRICEF object of the programme and the incidents that come from it."""

    kind: str
    key: str
    title: str
    cases: tuple[str, ...] = ()


class Deed(NamedTuple):
    """What somebody does to a change request, days before the seeding; `text`: a reason, or how it was
    tested."""

    days: float
    verb: str
    who: str
    text: str = ""


class Change(NamedTuple):
    """A change request. `case` is the open incident that it comes from; `planned`: days from the seeding."""

    project: str
    change_type: str
    severity: str
    module: str
    title: str
    description: str
    impact: str
    rollback: str
    deeds: tuple[Deed, ...]
    case: str = ""
    planned: int | None = None


CUSTOMER, AGENT, SOLVER = "customer", "agent", "solver"

# ---- comments -------------------------------------------------------------------------------------------------------

RESOLVED: dict[str, tuple[Say, ...]] = {
    "PRD'ye giriş yapılamıyor, tüm kullanıcılar": (
        Say(AGENT, "Merhaba, aldık. Basis ekibi sunucuya bağlandı, 10 dakikada bir buradan yazacağız."),
        Say(
            SOLVER, "SM50'de boş diyalog süreci yok, hepsi Z_STOK_AKTAR'da. İşi durduruyorum.", internal=True
        ),
        Say(CUSTOMER, "Şu an üç kullanıcı girebildi, depo hâlâ giremiyor."),
        Say(SOLVER, "Herkes girebiliyor olmalı. Önbellek dolana kadar ilk açılış biraz yavaş olabilir."),
    ),
    "e-İrsaliye oluşmuyor, kamyonlar kapıda": (
        Say(
            AGENT,
            "Entegratörün destek hattını aradık, kayıt no 88213. Kapıdaki araçlar için matbu "
            "irsaliye kesin lütfen.",
        ),
        Say(
            SOLVER,
            "Sertifika değil, uç yanlış: SM59 hâlâ testefatura'ya bakıyor. Canlı adresi güvenlikten istedim.",
            internal=True,
        ),
        Say(CUSTOMER, "14 araçtan 5'i matbu ile çıktı, teşekkürler. Diğerleri bekliyor."),
    ),
    "Devir bakiyeleri 320 hesaplarında tutmuyor": (
        Say(
            AGENT,
            "Eski sistemden alınan mutabakat dosyasının son halini ekleyebilir misiniz? Bizdeki 3 "
            "Kasım tarihli.",
            waits="Eski sistemin satıcı mutabakat dosyası (son hali)",
        ),
        Say(CUSTOMER, "Dosya ortak klasörde: 320_mutabakat_v4.xlsx. Kırmızı satırlar bizim bulduklarımız."),
        Say(
            SOLVER,
            "37 satır da dövizli, hepsi iki kez. Yükleme şablonundaki sütun kaymasını geliştirmeye yazdım.",
            internal=True,
        ),
        Say(SOLVER, "Fark bulundu: dövizli 37 kalem iki kez yüklenmiş. Ters kayıtları bugün atıyoruz."),
    ),
    "MM'den FI'ya fatura belgesi düşmüyor": (
        Say(SOLVER, "OBYC'de WRX için 2100 boş. FI danışmanına sordum, hesap 3290100 olacak.", internal=True),
        Say(SOLVER, "Hesap tayini eksikmiş, tamamlandı. Bekleyen 18 faturayı biz yeniden kaydedeceğiz."),
        Say(CUSTOMER, "Bizde 19 görünüyor, 5105600231 de dahil mi?"),
        Say(SOLVER, "O belge elle iptal edilmiş, bu yüzden 18. Ekran görüntüsünü e-postayla gönderdim."),
    ),
    "Banka talimat dosyası banka tarafından reddediliyor": (
        Say(
            AGENT,
            "Bankanın beklediği karakter setini yazılı alabilir misiniz? Portal yalnızca 'format "
            "hatası' diyor.",
            waits="Bankadan dosya biçimi belgesi",
        ),
        Say(CUSTOMER, "Banka cevap verdi: ISO-8859-9, BOM olmayacak. Son talimat saati 17.00!"),
        Say(
            SOLVER,
            "DMEE ağacında karakter seti alanı boş kalmış. Test dosyası 15.50'de kabul edildi.",
            internal=True,
        ),
    ),
    "Depo ekibi MIGO'da mal girişi yapamıyor": (
        Say(
            AGENT,
            "Rol düzeltmesi hazır, taşıma 20 dakika sürer. O ana kadar vardiya amirinin "
            "kullanıcısıyla girilebilir.",
        ),
        Say(CUSTOMER, "Vardiya amiri tek kişi, 22 kişi bekliyor. Lütfen hızlanalım."),
    ),
    "KDV beyanname listesi boş dönüyor": (
        Say(
            AGENT,
            "Hangi dönem ve hangi şirket kodu için çalıştırıyorsunuz? Bizde 1000 / 10.2026 dolu geliyor.",
            waits="Dönem ve şirket kodu",
        ),
        Say(CUSTOMER, "1000 değil, 1100. Seçim ekranının görüntüsü ekte, dönem 10/2026."),
    ),
    "Tedarikçi portalı siparişleri iki kez alıyor": (
        Say(
            SOLVER,
            "Portal 5 saniyede cevap vermezse bizim taraf tekrar gönderiyor, idempotency yok.",
            internal=True,
        ),
        Say(SOLVER, "Tekrar gönderimi kapattık; mükerrer 6 siparişi portal tarafı silecek."),
    ),
    "Auditor cannot display change documents": (
        Say(
            AGENT,
            "Could you tell us the auditor's user name and the transaction they were in?",
            waits="User name and transaction",
        ),
        Say(CUSTOMER, "AUDIT_02, transaction RSSCD100. They are here until Thursday."),
    ),
    "Intercompany postings stuck between 1000 and 2100": (
        Say(
            SOLVER,
            "Trading partner is empty on 14 of the 17. Looks like the vendor load again, third time.",
            internal=True,
        ),
        Say(SOLVER, "The partner company is filled in on the vendors; 17 documents went through just now."),
    ),
    "Billing run aborts, no invoices since midnight": (
        Say(AGENT, "We are on it. Next update in 15 minutes, please do not restart the run in the meantime."),
        Say(
            SOLVER,
            "Old tariff ended yesterday, new one starts tomorrow. Somebody typed the wrong date in "
            "the go-live checklist.",
            internal=True,
        ),
        Say(CUSTOMER, "The regulator's deadline for cycle 14 is tonight. Can we still make it?"),
        Say(SOLVER, "Yes. The run restarts from the checkpoint, last invoices are expected around 11:20."),
    ),
    "Time-of-use customers billed at the single rate": (
        Say(
            AGENT,
            "Please send us three contract numbers, ideally with meters exchanged in different months.",
            waits="Three contract numbers",
        ),
        Say(CUSTOMER, "4000118822, 4000120017, 4000131555. All exchanged between March and May."),
        Say(
            SOLVER,
            "Register 2 is missing for every exchange before 12 May. The migration mapping, not the billing.",
            internal=True,
        ),
    ),
    "Direct debit file rejected by the bank": (
        Say(
            SOLVER,
            "The cut-off is at 14:00. We send a corrected file by 13:15, then you have time to check it.",
        ),
        Say(CUSTOMER, "Checked and released. Thanks for the quick turnaround."),
    ),
    "Smart meter readings arrive six hours late": (
        Say(
            SOLVER,
            "One consumer since Tuesday's deployment: the values file was reset by the template. "
            "Raised with release.",
            internal=True,
        ),
        Say(SOLVER, "Eight consumers are running again. The backlog is gone in about an hour."),
    ),
    "Tenants see the invoice of the previous tenant": (
        Say(AGENT, "We switched the archive tab off while we look. Nobody sees documents of others now."),
        Say(
            SOLVER,
            "Only move-outs with a flat change on the same day: 31 cases. Data protection officer is "
            "informed.",
            internal=True,
        ),
        Say(CUSTOMER, "How many customers were affected? Legal wants a number today."),
        Say(
            SOLVER, "31 documents were visible, 4 were opened. The list is with your data protection officer."
        ),
    ),
    "Card payments posted twice": (
        Say(
            AGENT,
            "Can you ask the payment provider for the callback log of the 3rd, 22:00 to 23:00?",
            waits="Callback log of the payment provider",
        ),
        Say(CUSTOMER, "Got it, attached to my mail. They did retry, twice for each payment."),
    ),
    "Move-in letters use the old logo": (
        Say(CUSTOMER, "The print shop stops the job at 16:00, after that 2,300 letters are out."),
        Say(SOLVER, "Print shop is informed, job is on hold. New proofs within the hour."),
    ),
    "Dağıtım bedeli iki satırda okunuyor": (
        Say(
            AGENT, "12 faturanın listesini çıkardık, kesinleşmeden durdurduk. Ödeme listesine girmeyecekler."
        ),
        Say(
            SOLVER,
            "Yalnız OSB şablonu, diğerlerinde ara toplam işaretli. Kural 214'e ekliyorum.",
            internal=True,
        ),
        Say(CUSTOMER, "Teşekkürler. Muhasebe cuma günü ödeme yapacak, o güne yetişir mi?"),
    ),
    "Fatura kutusundan yeni PDF gelmiyor": (
        Say(
            AGENT,
            "Posta kutusunun parolası bu hafta değişti mi? Bağlantı 'kimlik doğrulanamadı' diyor.",
            waits="Posta kutusu parolasının değişip değişmediği",
        ),
        Say(CUSTOMER, "Evet, bilgi işlem pazartesi uygulama parolasını yenilemiş. Kasaya eklediler."),
    ),
    "Serbest tüketici tarifesi seçilmiyor": (
        Say(SOLVER, "Eşleme tablosunda kod 31 yok, sözleşme dosyasından teyit aldım.", internal=True),
        Say(SOLVER, "Kod 31 eklendi; geçen ayın üç faturası yeniden değerlendirildi, tutarlar doğru."),
    ),
}

OPEN: dict[str, tuple[tuple[int, Say], ...]] = {
    # minutes before the seeding, as in data.OpenCase
    "Tahsilat dosyaları otomatik kapanmıyor": (
        (500, Say(AGENT, "Merhaba, inceliyoruz. Hangi banka hesabının ekstresinden başlayalım?")),
        (470, Say(CUSTOMER, "Garanti 1020101'den başlayın, askıdakilerin 180'i orada.")),
        (
            300,
            Say(
                SOLVER,
                "Arama dizesi :86: alanında bayi kodunu bulamıyor, ayraç değişmiş. Not 2988310'a bakıyorum.",
                internal=True,
            ),
        ),
        (
            120,
            Say(
                SOLVER,
                "Kural düzeltildi ve test sisteminde doğrulandı. Canlıya bu akşam taşınacak, "
                "onayınızı bekliyoruz.",
            ),
        ),
    ),
    "Sipariş kaydetme 90 saniyeyi buluyor": (
        (
            360,
            Say(
                SOLVER,
                "ST05: ZSD_LIMIT her kalemde VBAK'ı baştan okuyor. İndeks CR'ı açıyorum.",
                internal=True,
            ),
        ),
        (
            240,
            Say(
                SOLVER,
                "Yavaşlığın kaynağı limit kontrolü. Kalıcı çözüm için değişiklik talebi açtık; "
                "onaydan sonra uygulanacak.",
            ),
        ),
        (200, Say(CUSTOMER, "Anladım. Çağrı merkezi için geçici bir yol var mı?")),
        (
            185,
            Say(
                SOLVER,
                "Evet, limit kontrolü 4410 kanalında geçici olarak uyarıya çevrildi; kaydetme 6 saniye.",
            ),
        ),
    ),
    "Engelli indirimi bordroya yansımamış": (
        (
            1100,
            Say(
                SOLVER,
                "İki çalışanın 0009 kaydı 01.11'den sonra girilmiş. Bordro alanı kilidi açık mı bakıyorum.",
                internal=True,
            ),
        ),
        (
            980,
            Say(
                SOLVER,
                "İndirim raporunun geçerlilik tarihini İK'dan teyit eder misiniz? Kayıtta 15.11, "
                "raporda 01.11 yazıyor.",
                waits="İK'nın indirim raporundaki geçerlilik tarihi",
            ),
        ),
    ),
    "Kur farkı değerlemesi yanlış hesaba gidiyor": (
        (
            560,
            Say(
                SOLVER,
                "OBA1'de 646 yerine 656 tanımlı; mali müşavir hangi dönemden itibaren istiyor?",
                internal=True,
            ),
        ),
        (
            520,
            Say(
                SOLVER,
                "Hesap tayinini düzeltmek için değişiklik talebi hazırlandı. Ekim kayıtlarına "
                "dokunmayacağız.",
            ),
        ),
        (410, Say(CUSTOMER, "Doğru, yalnızca kasım ve sonrası. Ekim kapandı.")),
    ),
    "Fatura altındaki banka listesinde eski IBAN": (
        (
            2700,
            Say(
                AGENT,
                "Güncel banka listesini finanstan alıp buraya yazar mısınız?",
                waits="Finanstan güncel banka listesi",
            ),
        ),
        (1500, Say(CUSTOMER, "Liste finanstan geldi, ortak klasörde: banka_listesi_kasim.pdf")),
        (1400, Say(AGENT, "Aldık. Form değişikliği küçük, perşembe günkü taşımaya girecek.")),
    ),
    "Inspection lots are created without a sample size": (
        (
            140,
            Say(
                AGENT,
                "Thanks. Sampling procedure R02 lost its assignment with last night's import, we are "
                "restoring it.",
            ),
        ),
        (
            60,
            Say(
                CUSTOMER,
                "Until then the lab takes five pieces per lot. Please do not change lots that are open.",
            ),
        ),
    ),
    "Ürün maliyeti önizlemesi iki kat çıkıyor": (
        (
            150,
            Say(
                SOLVER,
                "İki ürün ağacı alternatifi de aktif görünüyor. Hangisi geçerli olmalı, üretim "
                "planlamaya sorar mısınız?",
                waits="Geçerli ürün ağacı alternatifi (10007710)",
            ),
        ),
        (
            148,
            Say(
                SOLVER,
                "Alternatif 2 taşımayla gelmiş, kimse istememiş. Cevap gelince pasife alırız.",
                internal=True,
            ),
        ),
    ),
    "Instant payments are confirmed only after an hour": (
        (
            215,
            Say(
                AGENT,
                "Confirmed on our side: the provider's callback queue stands at 3,400. We are in a "
                "call with them.",
            ),
        ),
        (
            150,
            Say(
                SOLVER,
                "Their gateway drops to one worker at night and did not come back. Ticket PX-77120.",
                internal=True,
            ),
        ),
        (
            90,
            Say(
                SOLVER,
                "The provider is draining the queue. Reconnections are released by hand until it is empty.",
            ),
        ),
    ),
    "Heat pump discount missing on cycle 15": (
        (890, Say(AGENT, "We see the discount group on the contract. Looking at the billing schema now.")),
        (700, Say(CUSTOMER, "It is 112 customers by now, and the local paper called.")),
        (
            650,
            Say(
                AGENT,
                "Raised to P2. Cycle 15 is stopped before the print run, nobody gets another wrong bill.",
                severity="P2",
            ),
        ),
        (
            640,
            Say(
                SOLVER,
                "The discount needs your tariff team's sign-off: flat 4 ct/kWh, or by season as in "
                "the contract text?",
                waits="Tariff team: flat discount or by season",
            ),
        ),
    ),
    "Move-in wizard hangs at the address step": (
        (40, Say(CUSTOMER, "It is worse with addresses in new housing areas, if that helps.")),
    ),
    "Page numbers of collective invoices restart": (
        (
            380,
            Say(AGENT, "Understood. It is a counter in the form, we bundle it with the next form transport."),
        ),
    ),
    "İki sayaçlı tesiste tüketim tek sayaçtan geliyor": (
        (
            270,
            Say(
                AGENT,
                "Faturayı inceledik, ikinci sayaç 3. sayfada. Okuma kuralı yalnızca ilk tabloyu alıyor.",
            ),
        ),
        (
            190,
            Say(
                SOLVER,
                "Kuralı tüm tablolara genişletirsem eski 41 faturayı da yeniden işlemek gerekir, "
                "onay alalım.",
                internal=True,
            ),
        ),
        (
            180,
            Say(
                SOLVER,
                "Düzeltme sonrası ekim faturaları da yeniden işlensin mi? Muhasebe kapanışı "
                "yapıldıysa dokunmayalım.",
                waits="Muhasebe: ekim faturaları yeniden işlensin mi",
            ),
        ),
    ),
}

AGAIN: dict[str, Again] = {
    "Üretim teyidi sonrası etiket basılmıyor": Again(
        "2. vardiyada yine basmadı: Hat 3 ve Hat 4.",
        "Yazıcı kuyruğu yedek sunucuda da tanımlandı; iki vardiya izlendi, sorun tekrarlamadı.",
    ),
    "MES teyitleri IDoc 51 durumunda bekliyor": Again("Bu sabah yine 212 IDoc 51'de, dünkü gibi."),
    "Portal search times out for property managers": Again(
        "Still 25 seconds for managers with more than 5,000 contracts.",
        "Second index added for the owner role; 5,000 contracts answer in 0.8 seconds.",
    ),
    "Validation of interval data runs into the day": Again("Last night it ran until 09:40 again."),
    "Çok sayfalı fatura 4 dakikada okunuyor": Again(
        "Belediyenin 120 sayfalık faturası yine 3 dakikayı geçti.",
        "Sayfa sınırı 200'e çıkarıldı, paralellik bellekle sınırlandı; 120 sayfa 41 saniyede okundu.",
    ),
}

# ---- what was built -------------------------------------------------------------------------------------------------

BACKLOG: dict[str, tuple[Built, ...]] = {
    "ATLAS-W2": (
        Built("I", "I-014", "Banka ekstresi (MT940) alımı", ("Tahsilat dosyaları otomatik kapanmıyor",)),
        Built("I", "I-022", "e-İrsaliye entegrasyonu", ("e-İrsaliye oluşmuyor, kamyonlar kapıda",)),
        Built("I", "I-031", "MES üretim teyidi", ("MES teyitleri IDoc 51 durumunda bekliyor",)),
        Built(
            "E", "E-007", "Sipariş kaydında bayi limit kontrolü", ("Sipariş kaydetme 90 saniyeyi buluyor",)
        ),
        Built("F", "F-003", "Fatura çıktısı", ("Fatura altındaki banka listesinde eski IBAN",)),
        Built("C", "C-011", "Satıcı açık kalem devri", ("Devir bakiyeleri 320 hesaplarında tutmuyor",)),
        Built("W", "W-005", "Satınalma onay akışı", ("Satınalma onayı yanlış müdüre gidiyor",)),
        Built("R", "R-018", "KDV beyanname listesi", ("KDV beyanname listesi boş dönüyor",)),
    ),
    "EWM-GEBZE": (
        Built("I", "I-040", "Kantar entegrasyonu", ("Kantar entegrasyonu tartım göndermiyor",)),
        Built("F", "F-021", "Sevk emri çıktısı", ("Sevk emri çıktısında Türkçe karakterler soru işareti",)),
    ),
    "BILLING": (
        Built(
            "I", "I-102", "Payment provider callbacks", ("Instant payments are confirmed only after an hour",)
        ),
        Built("E", "E-045", "Discount groups in rating", ("Heat pump discount missing on cycle 15",)),
        Built("F", "F-012", "Collective invoice", ("Page numbers of collective invoices restart",)),
        Built("C", "C-004", "Meter registers", ("Time-of-use customers billed at the single rate",)),
        Built(
            "R", "R-020", "Regulator's consumption report", ("Regulator report rejects negative consumption",)
        ),
    ),
    "PORTAL": (
        Built("E", "E-060", "Property manager's search", ("Portal search times out for property managers",)),
        Built("W", "W-009", "Change of owner", ("Property manager lost access to one building",)),
    ),
    "FATURA": (
        Built("E", "E-002", "OSB fatura şablonu", ("Dağıtım bedeli iki satırda okunuyor",)),
        Built("I", "I-001", "Fatura posta kutusu", ("Fatura kutusundan yeni PDF gelmiyor",)),
    ),
}

# ---- change requests ------------------------------------------------------------------------------------------------

DRAFT, SUBMIT, APPROVE, REJECT = "draft", "submit", "approve", "reject"
START, IMPLEMENT, CLOSE = "start", "implement", "close"
_BURCU, _PRIYA, _THOMAS = (
    "burcu.kaya@landing.example",
    "priya.raman@landing.example",
    "thomas.weber@landing.example",
)
_CAN, _LIAM = "can.ozturk@landing.example", "liam.walsh@landing.example"
_SELIN, _MARC, _NORA = (
    "selin.aydin@landing.example",
    "marc.dubois@landing.example",
    "nora.haugen@landing.example",
)
_MEHMET, _TOM, _GULSEN = (
    "mehmet.yildiz@acme.example",
    "tom.hughes@globex.example",
    "gulsen.ozdemir@pilot.example",
)

CHANGES: dict[str, tuple[Change, ...]] = {
    "acme": (
        Change(
            "ATLAS-W2",
            "config",
            "P2",
            "BC",
            "Diyalog süreçlerini 10'dan 40'a çıkarmak",
            "rdisp/wp_no_dia bütün uygulama sunucularında 40, gece işleri arka plan sunucusunda.",
            "Uygulama sunucusu başına 6 GB ek bellek; yeniden başlatma 4 dakika.",
            "Profil parametresini 10'a almak ve sunucuları sırayla yeniden başlatmak.",
            (
                Deed(10.9, DRAFT, _THOMAS),
                Deed(10.85, SUBMIT, _THOMAS),
                Deed(10.7, APPROVE, _SELIN),
                Deed(10.6, START, _THOMAS),
                Deed(
                    10.3,
                    IMPLEMENT,
                    _THOMAS,
                    "340 eş zamanlı oturumla yük testi: diyalog yanıtı 0,6 sn. Tutanak: BC-T-118.",
                ),
                Deed(7.2, CLOSE, _SELIN),
            ),
        ),
        Change(
            "ATLAS-W2",
            "development",
            "P3",
            "PP",
            "MES teyitlerinde kilitlenen siparişi yeniden denemek",
            "IDoc 51'e düşen teyitler 2, 5 ve 15 dakika sonra kendiliğinden yeniden işlenecek.",
            "Yalnız PP01 mesaj tipi; diğer IDoc'lara etkisi yok.",
            "Z_MES_RETRY işini durdurmak; IDoc'lar bugünkü gibi elle işlenir.",
            (
                Deed(8.4, DRAFT, _PRIYA),
                Deed(8.3, SUBMIT, _PRIYA),
                Deed(8.1, APPROVE, _MARC),
                Deed(6.2, START, _PRIYA),
                Deed(
                    4.1,
                    IMPLEMENT,
                    _PRIYA,
                    "QA'da 1.200 teyit, 37 kilit: hepsi ikinci denemede geçti. Ekran görüntüleri CR "
                    "klasöründe.",
                ),
            ),
        ),
        Change(
            "ATLAS-W2",
            "authorization",
            "P3",
            "MM",
            "Satınalma ekibine ME21N'de fiyat değiştirme yetkisi",
            "Acil siparişlerde fiyatı satınalma uzmanı değiştirebilsin; şimdi müdür bekleniyor.",
            "38 kullanıcı, Z_MM_SATINALMA rolü.",
            "Rolün önceki sürümünü taşımak.",
            (
                Deed(9.3, DRAFT, _MEHMET),
                Deed(9.1, SUBMIT, _CAN),
                Deed(
                    8.8,
                    REJECT,
                    _SELIN,
                    "Görev ayrılığına aykırı: fiyatı değiştiren kişi siparişi de onaylıyor. Tutar "
                    "sınırlı bir rol önerin.",
                ),
            ),
        ),
        Change(
            "ATLAS-W2",
            "development",
            "P2",
            "SD",
            "Limit kontrolü için VBAK üzerinde ikincil indeks",
            "ZSD_LIMIT her kalemde siparişleri baştan okuyor; KUNNR ve AUDAT alanlarında indeks.",
            "İndeks oluşturma 12 dakika, gece penceresinde. Yazmaya etkisi ölçüldü: %1.",
            "İndeksi SE14 ile silmek; uygulama bugünkü gibi çalışır.",
            (Deed(0.16, DRAFT, _BURCU), Deed(0.15, SUBMIT, _BURCU)),
            case="Sipariş kaydetme 90 saniyeyi buluyor",
            planned=2,
        ),
        Change(
            "ATLAS-W2",
            "config",
            "P3",
            "FI",
            "Kur farkı hesap tayinini 646 olarak düzeltmek",
            "OBA1'de değerleme farkları 656 yerine 646'ya; kasım ve sonrası için.",
            "Ekim kapandı, eski kayıtlara dokunulmaz. Bir sonraki değerleme 30 Kasım'da.",
            "OBA1 kaydını önceki değere almak, değerlemeyi ters kayıtla geri almak.",
            (Deed(0.35, DRAFT, _BURCU), Deed(0.34, SUBMIT, _BURCU), Deed(0.2, APPROVE, _MARC)),
            case="Kur farkı değerlemesi yanlış hesaba gidiyor",
            planned=4,
        ),
        Change(
            "ATLAS-W2",
            "data",
            "P2",
            "FI",
            "Askıdaki tahsilatları yeni kuralla yeniden işlemek",
            "FEBAN'da bekleyen 212 kalem, :86: alanındaki yeni ayraçla yeniden yorumlanacak.",
            "Açık kalemler kapanır, bayi limitleri gece hesaplanır.",
            "Kapatmaları FBRA ile sıfırlamak; liste işlemden önce alınır.",
            (
                Deed(0.2, DRAFT, _PRIYA),
                Deed(0.19, SUBMIT, _PRIYA),
                Deed(0.15, APPROVE, _SELIN),
                Deed(0.08, START, _PRIYA),
            ),
            case="Tahsilat dosyaları otomatik kapanmıyor",
            planned=0,
        ),
        Change(
            "ATLAS-W2",
            "config",
            "P4",
            "SD",
            "Fatura altındaki banka listesini güncellemek",
            "Kapanan şubenin IBAN'ı çıkarılacak, iki yeni hesap eklenecek.",
            "",
            "",
            (Deed(0.9, DRAFT, _CAN),),
            case="Fatura altındaki banka listesinde eski IBAN",
            planned=5,
        ),
        Change(
            "EWM-GEBZE",
            "development",
            "P2",
            "WM",
            "Kantar arabiriminde bağlantı kesilince yeniden bağlanmak",
            "Kantar bilgisayarı uykuya geçince TCP bağlantısı kopuyor ve kimse fark etmiyor.",
            "Üç kantar; tartım ekranında davranış değişmez.",
            "Önceki arabirim sürümünü yeniden kurmak (10 dakika, kantar durur).",
            (Deed(0.3, DRAFT, _BURCU), Deed(0.28, SUBMIT, _BURCU), Deed(0.12, APPROVE, _MARC)),
            planned=1,
        ),
    ),
    "globex": (
        Change(
            "BILLING",
            "config",
            "P1",
            "BILL",
            "Check tariff gaps before a billing run starts",
            "The run refuses to start when a tariff of the cycle has no version on the billing date.",
            "One more minute before each run. No change to amounts.",
            "Switch off check TARIFF_GAP in the run's variant.",
            (
                Deed(15.2, DRAFT, _THOMAS),
                Deed(15.1, SUBMIT, _THOMAS),
                Deed(14.9, APPROVE, _NORA),
                Deed(14.8, START, _THOMAS),
                Deed(
                    13.9,
                    IMPLEMENT,
                    _THOMAS,
                    "Cycles 12 to 15 started in the copy of production; the gap of the 3rd is found "
                    "and named.",
                ),
                Deed(10.1, CLOSE, _NORA),
            ),
        ),
        Change(
            "BILLING",
            "development",
            "P2",
            "PAY",
            "Ignore repeated callbacks of the payment provider",
            "A callback with a payment id that is known is answered with 200 and not posted.",
            "Card and instant payments.",
            "Deploy the previous callback service, two minutes.",
            (
                Deed(7.6, DRAFT, _PRIYA),
                Deed(7.5, SUBMIT, _PRIYA),
                Deed(7.1, APPROVE, _MARC),
                Deed(6.8, START, _PRIYA),
                Deed(
                    5.9,
                    IMPLEMENT,
                    _PRIYA,
                    "4,000 callbacks replayed, every tenth twice: 4,000 postings. Report in the test folder.",
                ),
            ),
        ),
        Change(
            "BILLING",
            "data",
            "P3",
            "CRM",
            "Delete contact history older than ten years",
            "The contact centre's screens read eleven million rows that nobody opens.",
            "Screens get faster; the statistics of 2014 to 2016 go.",
            "Restore from the backup of the night before.",
            (
                Deed(6.4, DRAFT, _TOM),
                Deed(6.2, SUBMIT, _LIAM),
                Deed(
                    5.8,
                    REJECT,
                    _NORA,
                    "Complaints are kept for twelve years by law. Archive instead of delete.",
                ),
            ),
        ),
        Change(
            "BILLING",
            "config",
            "P2",
            "BILL",
            "Add discount group HP to the rating schema",
            "Heat pump contracts get their discount from cycle 15 on.",
            "112 invoices of cycle 15 are cancelled and billed anew.",
            "Remove the step from the schema, rerun the cycle.",
            (Deed(0.43, DRAFT, _PRIYA), Deed(0.42, SUBMIT, _PRIYA)),
            case="Heat pump discount missing on cycle 15",
            planned=1,
        ),
        Change(
            "PORTAL",
            "authorization",
            "P3",
            "PORT",
            "Give property managers access by owner, not by building",
            "A change of owner takes the building away although the manager stays.",
            "640 property managers.",
            "Switch back to the old rule, access is computed within minutes.",
            (Deed(0.25, DRAFT, _THOMAS), Deed(0.22, SUBMIT, _THOMAS), Deed(0.1, APPROVE, _NORA)),
            case="Property manager lost access to one building",
            planned=3,
        ),
        Change(
            "PORTAL",
            "development",
            "P4",
            "PORT",
            "Readable tariff page in dark mode",
            "Text colour follows the theme.",
            "",
            "",
            (Deed(0.02, DRAFT, _LIAM),),
            case="Dark mode shows dark text on the tariff page",
        ),
    ),
    "pilot": (
        Change(
            "FATURA",
            "config",
            "P3",
            "INV",
            "OSB şablonunda ara toplam kuralı",
            "Ara toplam satırı kalem sayılmayacak; kural yalnız OSB şablonunda.",
            "12 fatura yeniden işlenir.",
            "Kuralı kapatmak; faturalar önceki okumayla kalır.",
            (
                Deed(9.2, DRAFT, _BURCU),
                Deed(9.1, SUBMIT, _BURCU),
                Deed(8.9, APPROVE, _SELIN),
                Deed(8.8, START, _BURCU),
                Deed(8.2, IMPLEMENT, _BURCU, "12 fatura test kutusunda okundu, toplamlar kâğıttakiyle aynı."),
            ),
        ),
        Change(
            "FATURA",
            "development",
            "P3",
            "INV",
            "Çok sayaçlı faturalarda bütün tabloları okumak",
            "Okuma kuralı ilk tabloda durmayacak.",
            "Ekim faturaları yeniden işlenirse 41 kayıt değişir.",
            "Önceki kural sürümüne dönmek.",
            (Deed(0.11, DRAFT, _BURCU), Deed(0.1, SUBMIT, _BURCU)),
            case="İki sayaçlı tesiste tüketim tek sayaçtan geliyor",
            planned=3,
        ),
    ),
}
