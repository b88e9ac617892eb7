//! Made-up identities, and every flow that carries a person's data, each time with what only the vault may know of her.

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use system_tests::system::{Answer, Business, Client, Member, Needles, Site, forms_of, forms_of_number};

use crate::approvals::an_admin;
use crate::{past, recently};

/// What only the vault may know of somebody.
#[derive(Debug)]
pub(crate) struct Identity {
    number: usize,
    phone: String,
    /// To which some change.
    second_phone: String,
    first: String,
    pub(crate) last: String,
    pub(crate) email: String,
    born: String,
    pub(crate) city: String,
    receipt: String,
    /// What people write where there is room for words.
    words: String,
}

impl Identity {
    /// Number `number` of them: no value is part of another's.
    pub(crate) fn new(number: usize) -> Self {
        let digits = format!("{:04}", 1000 + number);
        let letters: Vec<char> = "абвгдеклмн".chars().collect();
        let end: String = digits.bytes().map(|digit| letters[usize::from(digit - b'0')]).collect();
        Self {
            number,
            phone: format!("+7921{:07}", 4_019_283 + number * 137),
            second_phone: format!("+7931{:07}", 5_027_461 + number * 137),
            first: format!("Златоцвета-{end}"),
            last: format!("Кранахен-{end}"),
            email: format!("zlata.kranach{digits}@canary.example"),
            born: format!("19{:02}-{:02}-{:02}", 41 + number % 9, 1 + number / 9 % 12, 1 + number / 108 % 28),
            city: format!("Усть-Канарейск-{end}"),
            receipt: format!("receipt-canary-{digits}"),
            words: format!("подарок канарейке номер {end}"),
        }
    }

    /// Her phone as it is written everywhere.
    pub(crate) fn phone(&self) -> &str {
        &self.phone
    }

    /// Her phones as people, forms and programs write them.
    fn phones(&self) -> Vec<String> {
        [&self.phone, &self.second_phone].into_iter().flat_map(|phone| spellings(phone)).collect()
    }

    /// Every value of hers, however it is written.
    pub(crate) fn texts(&self) -> Vec<String> {
        let mut texts = self.phones();
        let others =
            [&self.first, &self.last, &self.email, &self.born, &self.city, &self.receipt, &self.words];
        texts.extend(others.map(Clone::clone));
        let mut born = self.born.split('-').rev();
        texts.push([(); 3].map(|()| born.next().unwrap_or_default()).join("."));
        texts
    }

    /// Every form of every value of hers, but for hashes.
    pub(crate) fn forms(&self) -> Vec<(String, Vec<u8>)> {
        let mut forms: Vec<_> = self.texts().iter().flat_map(|text| forms_of(text)).collect();
        for phone in [&self.phone, &self.second_phone] {
            let national = &phone[2..];
            for digits in [format!("7{national}"), format!("8{national}"), national.to_owned()] {
                forms.extend(forms_of_number(digits.parse().expect("a number")));
            }
        }
        forms
    }
}

fn spellings(phone: &str) -> Vec<String> {
    let national = &phone[2..];
    let (code, rest) = national.split_at(3);
    let (three, four) = rest.split_at(3);
    let (two, last) = four.split_at(2);
    let mut phones =
        vec![phone.to_owned(), format!("7{national}"), format!("8{national}"), national.to_owned()];
    for before in ["+7", "7", "8"] {
        phones.push(format!("{before} ({code}) {three}-{two}-{last}"));
        phones.push(format!("{before}({code}){three}-{two}-{last}"));
        phones.push(format!("{before}-{code}-{three}-{two}-{last}"));
        phones.push(format!("{before} {code} {three} {two} {last}"));
    }
    phones
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}"))
}

/// Who leads them through: a business whose programs know phones by their hashes, and two admins.
#[derive(Debug)]
pub(crate) struct Flows<'a> {
    site: &'a Site,
    shop: &'a Business,
    till: Client,
    phone_key: Vec<u8>,
    asker: Client,
    decider: Client,
}

impl<'a> Flows<'a> {
    pub(crate) async fn new(site: &'a Site, shop: &'a Business) -> Self {
        let path = format!("/admin/businesses/{}/phone-key", shop.slug);
        let made = site.admin().post(&path, &json!({})).await.data(201);
        let phone_key = hex::decode(text(&made["key"])).expect("a key");
        let (asker, _) = an_admin(site, "canary.asker").await;
        let (decider, _) = an_admin(site, "canary.decider").await;
        Self { site, shop, till: shop.till(site), phone_key, asker, decider }
    }

    /// All of them, one after the other; half of them end with another phone.
    pub(crate) async fn lead(&self, who: &Identity) -> Member {
        let (mut member, me) = if who.number.is_multiple_of(2) {
            self.joins_with_a_code(who).await
        } else {
            self.is_registered_and_signs_in(who).await
        };
        self.buys(who, &me).await;
        self.comes_by_import(who).await;
        self.is_given_and_pays(who, &member, &me).await;
        self.waits_for_a_second_person(who, &member).await;
        self.gets_coupons(who, &me).await;
        self.is_in_an_offer(who).await;
        self.is_refused(who, &me).await;
        if who.number.is_multiple_of(2) {
            self.changes_her_phone(who, &me).await;
            member.phone.clone_from(&who.second_phone);
        }
        self.is_told_all(&member, &me).await;
        member
    }

    /// The newest code sent to a phone, with its request's id.
    async fn code(&self, phone: &str) -> Value {
        let nobody = self.site.nobody();
        let sent = nobody.post("/auth/send-code", &json!({"phone": phone})).await.data(200);
        let outbox = nobody.get(&format!("/dev/outbox?phone={}", phone.replace('+', "%2B"))).await.data(200);
        json!({"code_id": sent["code_id"], "code": outbox["messages"][0]["code"]})
    }

    fn consents(&self) -> Value {
        json!([{"purpose": "personal_data", "version": "1"}, self.shop.consent()])
    }

    async fn joins_with_a_code(&self, who: &Identity) -> (Member, Client) {
        let mut body = self.code(&who.phone).await;
        for (field, value) in [
            ("first_name", &who.first),
            ("last_name", &who.last),
            ("email", &who.email),
            ("birth_date", &who.born),
            ("city", &who.city),
        ] {
            body[field] = json!(value);
        }
        body["consents"] = self.consents();
        let nobody = self.site.nobody();
        let joined = nobody.post("/auth/register", &body).await.data(201);
        let member = Member { id: text(&joined["member_id"]).to_owned(), phone: who.phone.clone() };
        let me = nobody.with(format!("Bearer {}", text(&joined["access_token"])));
        let _ = me.patch("/users/me", &json!({"city": who.city, "last_name": who.last})).await.data(200);
        (member, me)
    }

    async fn is_registered_and_signs_in(&self, who: &Identity) -> (Member, Client) {
        let body = json!({"phone": who.phone, "first_name": who.first, "last_name": who.last,
            "consents": self.consents()});
        let made = self.site.admin().post("/admin/members", &body).await.data(201);
        let member = Member { id: text(&made["member_id"]).to_owned(), phone: who.phone.clone() };
        let me = member.sign_in(self.site).await;
        let body = json!({"email": who.email, "birth_date": who.born, "city": who.city});
        let _ = me.patch("/users/me", &body).await.data(200);
        (member, me)
    }

    /// A purchase of hers, of so many roubles more than a thousand: no two of hers are the same.
    fn sale(who: &Identity, number: usize, member: &Value) -> Value {
        json!({"external_id": format!("{}-{number}", who.receipt), "member": member, "occurred_at": recently(),
            "amount": format!("{}.00", 1_000 + number), "description": who.words})
    }

    fn hashed(&self, phone: &str) -> Value {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.phone_key).expect("a key");
        mac.update(phone.as_bytes());
        json!({"phone_hash": hex::encode(mac.finalize().into_bytes())})
    }

    /// By her phone, by its hash, by the code she shows; and gives something back.
    async fn buys(&self, who: &Identity, me: &Client) {
        let till = &self.till;
        let sold =
            till.post("/transactions", &Self::sale(who, 1, &json!({"phone": who.phone}))).await.data(201);
        let _ = till.post("/transactions", &Self::sale(who, 2, &self.hashed(&who.phone))).await.data(201);
        let qr = me.get("/users/me/qr").await.data(200)["qr"].clone();
        let mut scan = Self::sale(who, 3, &Value::Null);
        scan.as_object_mut().expect("a body").remove("member");
        scan["qr"] = qr;
        let _ = till.post("/transactions/scan", &scan).await.data(201);
        let qr = me.get("/users/me/qr").await.data(200)["qr"].clone();
        let _ = till.post("/transactions", &Self::sale(who, 4, &json!({"qr": qr}))).await.data(201);
        let sales = json!({"transactions": [Self::sale(who, 5, &json!({"phone": who.phone}))]});
        let told = till.post("/transactions/batch", &sales).await.data(200);
        assert_eq!(told["outcomes"][0]["outcome"], "created", "{told}");
        let back = |number: usize| {
            json!({"external_id": format!("{}-back-{number}", who.receipt), "amount": "10.00",
                "reason": format!("{}, {}", who.last, who.words)})
        };
        let path = format!("/transactions/{}/refunds", text(&sold["transaction_id"]));
        let _ = till.post(&path, &back(1)).await.data(201);
        let mut by_number = back(2);
        by_number["purchase_external_id"] = json!(format!("{}-2", who.receipt));
        let _ = till.post("/transactions/refunds", &by_number).await.data(201);
    }

    async fn comes_by_import(&self, who: &Identity) {
        let mut line = Self::sale(who, 6, &json!({"phone": who.phone, "registered_at": past(0)}));
        line["occurred_at"] = json!(past(60 + i64::try_from(who.number).expect("few")));
        line["business_id"] = json!(self.shop.slug);
        let sent = self.site.admin().stream("/admin/import", "application/x-ndjson", line.to_string()).await;
        let told = sent.expect("an answer").text().await.expect("a line");
        assert!(!told.contains("refused") && !told.contains("unmatched"), "{told}");
    }

    /// Bonuses by hand with a reason, a block with one, and paying with bonuses.
    async fn is_given_and_pays(&self, who: &Identity, member: &Member, me: &Client) {
        let of = |what: &str| format!("/admin/members/{}/{what}", member.id);
        let why = format!("{} просила: {}", who.first, who.words);
        for (what, amount) in [("gift", "500.00"), ("adjust", "20.00")] {
            let body = json!({"amount": amount, "reason": why});
            let _ = self.asker.post(&of(what), &body).await.data(201);
        }
        let _ = self.asker.post(&of("block"), &json!({"reason": why})).await.data(200);
        let _ = self.asker.post(&of("unblock"), &json!({})).await.data(200);
        let hold = json!({"member": {"phone": who.phone}, "bill_amount": "1000.00", "amount": "10.00"});
        let held = self.till.post("/redemptions", &hold).await.data(201);
        let path = format!("/redemptions/{}/capture", text(&held["redemption_id"]));
        let paid = json!({"external_id": format!("{}-7", who.receipt), "amount": "1007.00",
            "occurred_at": recently()});
        let _ = self.till.post(&path, &paid).await.data(201);
        let held = self.till.post("/redemptions", &hold).await.data(201);
        let path = format!("/redemptions/{}/cancel", text(&held["redemption_id"]));
        let _ = self.till.post(&path, &json!({})).await.data(200);
        assert_eq!(me.get("/loyalty/transactions").await.status, 200);
    }

    /// One request about her is approved, one is rejected, each in words.
    async fn waits_for_a_second_person(&self, who: &Identity, member: &Member) {
        let path = format!("/admin/members/{}/gift", member.id);
        for (amount, step, said) in [
            ("6000.00", "approve", json!({})),
            ("7000.00", "reject", json!({"reason": format!("{}: {}", who.email, who.words)})),
        ] {
            let body = json!({"amount": amount, "reason": format!("{}, {}", who.last, who.words)});
            let asked = self.asker.post(&path, &body).await.data(202);
            let decide = format!("/admin/approvals/{}/{step}", text(&asked["approval_id"]));
            let _ = self.decider.post(&decide, &said).await.data(200);
        }
        let listed = self.decider.get("/admin/approvals").await;
        assert!(listed.status == 200 && listed.text.contains("asked_because"), "{}", listed.text);
    }

    /// Of one she gets the code and uses it; another is taken away in words.
    async fn gets_coupons(&self, who: &Identity, me: &Client) {
        let coupon = |kind: &str, value: &str| {
            json!({"member": {"phone": who.phone}, "type": kind, "value": value, "funded_by": "business",
                "expires_at": "2090-01-01T00:00:00Z", "description": format!("{}: {}", who.first, who.words)})
        };
        let issued = self.till.post("/coupons", &coupon("discount_fixed", "100.00")).await.data(201);
        let path = format!("/loyalty/coupons/{}/activate", text(&issued["coupon_id"]));
        let code = me.post(&path, &json!({})).await.data(200)["activation_code"].clone();
        let mut sale = Self::sale(who, 8, &json!({"phone": who.phone}));
        sale["coupon_code"] = code;
        let _ = self.till.post("/transactions", &sale).await.data(201);
        // One with a code that is never used: it stays in the vault.
        let issued = self.till.post("/coupons", &coupon("bonus", "30.00")).await.data(201);
        let path = format!("/loyalty/coupons/{}/activate", text(&issued["coupon_id"]));
        let _ = me.post(&path, &json!({})).await.data(200);
        let issued = self.till.post("/coupons", &coupon("gift", &who.words)).await.data(201);
        let path = format!("/coupons/{}/revoke", text(&issued["coupon_id"]));
        let revoked = self.till.post(&path, &json!({"reason": who.words})).await;
        let position = revoked.position().unwrap_or_else(|| panic!("no place on the log: {}", revoked.text));
        let mine = me.get_after("/loyalty/coupons", position).await;
        assert!(mine.status == 200 && mine.text.contains(&who.words), "{}", mine.text);
    }

    /// What a business and an admin say of an offer may name her.
    async fn is_in_an_offer(&self, who: &Identity) {
        let coupon = json!({"type": "gift", "value": who.words, "life_days": 30, "description": who.first});
        let body = json!({"title": format!("{} {}", who.first, who.last), "text": who.words,
            "reward": {"type": "coupon", "coupon": coupon}});
        let drafted = self.till.post("/offers", &body).await.data(201);
        let of = |step: &str| format!("/offers/{}/{step}", text(&drafted["offer_id"]));
        let _ = self
            .till
            .post(&of("comments"), &json!({"text": format!("звоните {}", who.phone)}))
            .await
            .data(201);
        let _ = self.till.post(&of("submit"), &json!({})).await.data(200);
        let refusal = json!({"reason": format!("{} против", who.last)});
        let _ = self.asker.post(&of("reject"), &refusal).await.data(200);
        let history = self.till.get(&of("history")).await;
        assert!(history.status == 200 && history.text.contains(&who.last), "{}", history.text);
    }

    /// No answer to a mistake repeats what was in it.
    async fn is_refused(&self, who: &Identity, me: &Client) {
        let hers = Needles::new(who.forms());
        let (till, phone) = (&self.till, who.phone.replace('+', "%2B"));
        let mut answers: Vec<Answer> = Vec::new();
        for wrong in [
            json!({"phone": format!("{}x", who.phone)}),
            json!({"phone": who.phone, "name": who.last}),
            json!({"email": who.email}),
            json!({"phone_hash": who.words}),
            json!({"qr": who.words}),
        ] {
            answers.push(till.post("/transactions", &Self::sale(who, 9, &wrong)).await);
        }
        let mut coded = Self::sale(who, 9, &json!({"phone": who.phone}));
        coded["coupon_code"] = json!(who.receipt);
        answers.push(till.post("/transactions", &coded).await);
        let version = json!([{"purpose": "profiling", "granted": true, "version": who.email}]);
        answers.push(me.put("/users/me/consents", &version).await);
        answers.push(me.patch("/users/me", &json!({"email": format!("{} {}", who.email, who.city)})).await);
        let taken = json!({"phone": who.phone, "first_name": who.first});
        answers.push(self.site.admin().post("/admin/members", &taken).await);
        answers.push(me.get(&format!("/loyalty/transactions?cursor={phone}")).await);
        answers.push(me.get(&format!("/nowhere/{phone}")).await);
        answers.push(till.get(&format!("/transactions/{phone}")).await);
        let staff = json!({"login": who.email, "password": who.words, "code": "000000"});
        answers.push(self.site.nobody().post("/auth/staff/sign-in", &staff).await);
        for answer in answers {
            assert!((400..500).contains(&answer.status), "{} {}", answer.status, answer.text);
            assert!(hers.find(answer.text.as_bytes()).is_empty(), "{}", answer.text);
        }
    }

    async fn changes_her_phone(&self, who: &Identity, me: &Client) {
        let code = self.code(&who.second_phone).await;
        let _ = me.post("/users/me/phone", &code).await.data(200);
        assert_eq!(me.get("/users/me").await.data(200)["phone"], who.second_phone.as_str());
        let by_hash = Self::sale(who, 10, &self.hashed(&who.second_phone));
        let _ = self.till.post("/transactions", &by_hash).await.data(201);
    }

    /// All that is known of her, to herself and to an admin, as data and as a page.
    async fn is_told_all(&self, member: &Member, me: &Client) {
        let hers = |what: &str| format!("/admin/members/{}/{what}", member.id);
        for (asks, path) in [
            (me, "/users/me/report".to_owned()),
            (me, "/users/me/report.html".to_owned()),
            (&self.asker, hers("report")),
            (&self.asker, hers("report.html")),
        ] {
            let told = asks.get(&path).await;
            assert!(told.status == 200 && told.text.contains(&member.phone), "{path}: {}", told.text);
        }
    }
}
