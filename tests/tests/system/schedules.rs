//! Purchases, holds, captures, cancellations, refunds, gifts and corrections of the same members, all at once from two
//! `ledger-api` processes, while lots mature and expire and holds lapse: what came of it is what the plain model says of the
//! same commands one after the other, in the order of the log. Battery C3.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use ledger_core::category::Category;
use ledger_core::ids::{LotId, PurchaseId, RedemptionId, RefundId};
use ledger_core::time::Timestamp;
use plain_model::Kopecks;
use plain_model::circle::{self, Circle, Policy, Terms};
use plain_model::member::{Command, Document, Member as Plain, Outcome};
use serde_json::{Value, json};
use system_tests::system::{Answer, Business, Client, Member, Seeded, Site, eventually, shared};
use uuid::Uuid;

use crate::as_many_as;

const START: &str = "2026-03-02T10:00:00.000000Z";
/// How many schedules race, what is asked of one member at once; `OWN_CIRCLE_RACE_SCHEDULES` says otherwise.
const SCHEDULES: usize = 1_280;
/// Commands of one round, all sent at once: four to a member, more or less.
const AT_ONCE: u64 = 128;
const MEMBERS: usize = 32;

/// What is asked of one member.
#[derive(Debug, Clone)]
struct Asked {
    member: usize,
    business: usize,
    path: String,
    body: Value,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Buy { amount: i64, hold: Option<Uuid> },
    Hold { bill: i64, amount: i64 },
    Cancel { hold: Uuid },
    Refund { purchase: Uuid, amount: i64 },
    Gift { amount: i64 },
    Adjust { amount: i64 },
}

/// The members as both see them, and what there is to refer to.
struct Play {
    seeded: Seeded,
    circle: Circle,
    businesses: Vec<Business>,
    members: Vec<Member>,
    plain: Vec<Plain>,
    /// By member: a purchase or hold, and where it was.
    purchases: Vec<Vec<(Uuid, usize)>>,
    holds: Vec<Vec<(Uuid, usize)>>,
    serial: u32,
    accepted: BTreeMap<&'static str, usize>,
    refused: BTreeMap<String, usize>,
}

/// What was refused, and the refusal's code; the same for the plain model.
struct Refused {
    asked: Asked,
    code: String,
    command: Command,
}

fn money(kopecks: i64) -> String {
    let sign = if kopecks < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", kopecks.abs() / 100, kopecks.abs() % 100)
}

fn kopecks(value: &Value) -> Kopecks {
    let text = value.as_str().unwrap_or_else(|| panic!("not an amount: {value}"));
    text.replace('.', "").parse().expect("an amount")
}

impl Play {
    fn amount(&self, roubles: u64) -> i64 {
        i64::try_from(self.seeded.below(roubles * 100)).expect("small") + 100
    }

    /// One command of any kind.
    fn ask(&mut self, now: Timestamp) -> Asked {
        self.serial += 1;
        let member = self.seeded.place(MEMBERS);
        let id = &self.members[member].id;
        let mut business = self.seeded.place(self.businesses.len());
        // Of holds the newest: the others are closed or have lapsed.
        let (holds, purchases) = (&self.holds[member], &self.purchases[member]);
        let holds = &holds[holds.len().saturating_sub(2)..];
        let chance = self.seeded.below(100);
        let (path, body, kind) = if chance < 19 && !purchases.is_empty() {
            let (purchase, of) = *self.seeded.pick(purchases);
            let amount = self.amount(1500);
            business = of;
            let body = json!({"external_id": format!("f{}", self.serial), "amount": money(amount), "reason": "returned"});
            (format!("/transactions/{purchase}/refunds"), body, Kind::Refund { purchase, amount })
        } else if chance < 44 {
            let (bill, amount) = (self.amount(2000), self.amount(120));
            let body =
                json!({"member": {"member_id": id}, "bill_amount": money(bill), "amount": money(amount)});
            ("/redemptions".to_owned(), body, Kind::Hold { bill, amount })
        } else if chance < 58 && !holds.is_empty() {
            let (hold, of) = *self.seeded.pick(holds);
            business = of;
            (format!("/redemptions/{hold}/cancel"), json!({}), Kind::Cancel { hold })
        } else if chance < 60 {
            let amount = self.amount(50);
            let body = json!({"amount": money(amount), "reason": "an apology"});
            (format!("/admin/members/{id}/gift"), body, Kind::Gift { amount })
        } else if chance < 62 {
            let amount = -self.amount(50);
            let body = json!({"amount": money(amount), "reason": "a mistake"});
            (format!("/admin/members/{id}/adjust"), body, Kind::Adjust { amount })
        } else {
            let amount = self.amount(2000);
            let mut body = json!({"external_id": format!("r{}", self.serial), "member": {"member_id": id},
                "amount": money(amount), "occurred_at": now.to_string()});
            let mut hold = None;
            if chance < 80 && !holds.is_empty() {
                let (id, of) = *self.seeded.pick(holds);
                (business, hold) = (of, Some(id));
                body["redemption_id"] = json!(id);
            }
            ("/transactions".to_owned(), body, Kind::Buy { amount, hold })
        };
        Asked { member, business, path, body, kind }
    }

    /// The same for the plain model; `id` is what the answer calls that which was made.
    fn plainly(&mut self, asked: &Asked, id: Uuid, now: Timestamp) -> Command {
        let business = self.businesses[asked.business].slug.clone();
        self.serial += 1;
        let (serial, lot) = (self.serial, LotId::from_uuid(Uuid::from_u128(u128::from(self.serial))));
        match asked.kind {
            Kind::Buy { amount, hold } => Command::Purchase(Document {
                id: PurchaseId::from_uuid(id),
                business,
                revision: 1,
                amount: amount.into(),
                occurred_at: now,
                source: 0,
                coupon: None,
                redemption: hold.map(RedemptionId::from_uuid),
                redeem_amount: None,
                import: None,
            }),
            Kind::Hold { bill, amount } => {
                let (bill, amount) = (bill.into(), amount.into());
                Command::Hold { id: RedemptionId::from_uuid(id), business, bill, amount }
            }
            Kind::Cancel { hold } => Command::Cancel { id: RedemptionId::from_uuid(hold), business },
            Kind::Refund { purchase, amount } => Command::Refund {
                purchase: PurchaseId::from_uuid(purchase),
                business,
                id: RefundId::from_uuid(id),
                amount: amount.into(),
                occurred_at: now,
            },
            Kind::Gift { amount } => Command::Gift { lot, serial, amount: amount.into(), life_days: None },
            Kind::Adjust { amount } => Command::Adjust { lot, serial, amount: amount.into() },
        }
    }

    /// What can be referred to from now on.
    fn remember(&mut self, asked: &Asked, id: Uuid) {
        match asked.kind {
            Kind::Buy { .. } => self.purchases[asked.member].push((id, asked.business)),
            Kind::Hold { .. } => self.holds[asked.member].push((id, asked.business)),
            Kind::Cancel { .. } | Kind::Refund { .. } | Kind::Gift { .. } | Kind::Adjust { .. } => {}
        }
    }

    fn refused(&mut self, (asked, answer): (Asked, Answer), now: Timestamp) -> Refused {
        assert!(matches!(answer.status, 404 | 409 | 422), "{asked:?}: {}", answer.text);
        let code = answer.code().to_owned();
        *self.refused.entry(code.clone()).or_default() += 1;
        let made = Uuid::from_u128(0xc3_0000_0000 + u128::from(self.serial));
        Refused { command: self.plainly(&asked, made, now), asked, code }
    }

    /// Whether the plain model, as it is now, says of this what the service said.
    fn says_so(&self, refused: &Refused, now: Timestamp) -> bool {
        let mut her = self.plain[refused.asked.member].clone();
        her.command(&self.circle, now, &refused.command).err() == Some(refused.code.as_str())
    }

    /// The accepted commands of a round one after the other, in the order of the log: the plain model answers the same, and
    /// refuses what was refused at some moment among them (a refusal has no place on the log that would say which).
    fn replay(&mut self, round: Vec<(Asked, Answer)>, now: Timestamp) {
        let (accepted, refused): (Vec<_>, Vec<_>) =
            round.into_iter().partition(|(_, answer)| matches!(answer.status, 200 | 201));
        let mut refused: Vec<_> = refused.into_iter().map(|it| self.refused(it, now)).collect();
        refused.retain(|it| !self.says_so(it, now));
        let mut accepted: Vec<_> = accepted
            .into_iter()
            .map(|(asked, answer)| (answer.position().expect("a position"), asked, answer))
            .collect();
        accepted.sort_by_key(|(position, _, _)| *position);
        for (position, asked, answer) in accepted {
            let data = answer.body["data"].clone();
            let named = ["transaction_id", "redemption_id", "refund_id"].into_iter();
            let id = named.filter_map(|field| data[field].as_str()?.parse().ok()).next().unwrap_or_default();
            let command = self.plainly(&asked, id, now);
            self.remember(&asked, id);
            let outcome = self.plain[asked.member].command(&self.circle, now, &command);
            let said = format!("at position {position}: {asked:?}: {data}");
            let outcome = outcome.unwrap_or_else(|code| panic!("the plain model refuses ({code}) {said}"));
            let kind = same(&outcome, &data, &said);
            *self.accepted.entry(kind).or_default() += 1;
            refused.retain(|it| it.asked.member != asked.member || !self.says_so(it, now));
        }
        let unheard_of: Vec<_> = refused.iter().map(|it| (&it.code, &it.asked)).collect();
        assert!(
            unheard_of.is_empty(),
            "the plain model refuses so at no moment of the round: {unheard_of:?}"
        );
    }

    async fn same_balances(&self, members: &[Client], now: Timestamp) {
        for (plain, her) in self.plain.iter().zip(members) {
            let found = her.get("/loyalty/balance").await.data(200);
            let expected = plain.balance(&self.circle, now);
            for (field, amount) in [
                ("total", expected.total),
                ("available", expected.available),
                ("held", expected.held),
                ("pending", expected.pending),
                ("debt", expected.debt),
            ] {
                assert_eq!(kopecks(&found[field]), amount, "{field} at {now}: {found}");
                assert!(amount >= 0, "{field}");
            }
        }
    }
}

/// The numbers of an answer are the plain model's; which kind of answer it is.
fn same(outcome: &Outcome, data: &Value, said: &str) -> &'static str {
    let numbers: (&str, Vec<(&str, Kopecks)>) = match outcome {
        Outcome::Recorded { earned, redeemed, status, .. } => {
            assert_eq!(data["status"], status.as_str(), "{said}");
            let kind = if *redeemed > 0 { "captures" } else { "purchases" };
            (kind, vec![("bonuses_earned", *earned), ("bonuses_redeemed", *redeemed)])
        }
        Outcome::Held { held, .. } => ("holds", vec![("held", *held)]),
        Outcome::Cancelled { released } => ("cancellations", vec![("released", *released)]),
        Outcome::Refunded { taken_back, returned, debt } => (
            "refunds",
            vec![("bonuses_taken_back", *taken_back), ("bonuses_returned", *returned), ("debt", *debt)],
        ),
        Outcome::Granted { .. } => ("gifts and corrections", Vec::new()),
        other => panic!("{other:?} {said}"),
    };
    for (field, amount) in numbers.1 {
        assert_eq!(kopecks(&data[field]), amount, "{field} {said}");
    }
    numbers.0
}

/// Three ordinary businesses: in HTTP and in the plain model.
async fn businesses(site: &Site) -> (Vec<Business>, Circle) {
    let partners = [
        ("mindal", Category::BeautySalon, None),
        ("lisichkino", Category::Gastronomy, Some(3)),
        ("pion", Category::Floristry, None),
    ];
    let mut registered = Vec::new();
    for (slug, category, hold_days) in partners {
        let terms = json!({"confidentiality": "ordinary", "hold_days": hold_days.unwrap_or(0)});
        registered.push(Business::register(site, slug, category.as_str(), terms).await);
    }
    let plain = partners.map(|(slug, category, hold_days)| circle::Business {
        slug: slug.to_owned(),
        category,
        is_medical: false,
        terms: vec![(Timestamp::FIRST, Terms { hold_days, ..Terms::default() })],
        periods: Vec::new(),
        waiting: Vec::new(),
    });
    (registered, Circle { policies: vec![Policy::default()], businesses: plain.into(), chains: Vec::new() })
}

async fn play(site: &Site) -> Play {
    let (businesses, circle) = businesses(site).await;
    let mut consents: Vec<_> = circle.businesses.iter().map(|it| (it.consent(), true)).collect();
    consents.push(("personal_data".to_owned(), true));
    let at: Timestamp = START.parse().expect("a time");
    let (mut members, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..MEMBERS {
        members.push(Member::register(site, &businesses, None).await);
        let mut member = Plain::default();
        let registered = Command::Register { at, consents: consents.clone() };
        let _ = member.command(&circle, at, &registered).expect("a new member");
        plain.push(member);
    }
    let nothing = vec![Vec::new(); MEMBERS];
    let seeded = Seeded::new("schedules", 20_261_121);
    let (purchases, holds) = (nothing.clone(), nothing);
    Play {
        seeded,
        circle,
        businesses,
        members,
        plain,
        purchases,
        holds,
        serial: 0,
        accepted: BTreeMap::new(),
        refused: BTreeMap::new(),
    }
}

/// Both processes stand at `now`.
async fn known(admins: &[Client; 2], now: Timestamp) {
    for admin in admins {
        let shown = || async { admin.get("/admin/policies").await.body["meta"]["timestamp"].clone() };
        let _ = eventually("the clock", Duration::from_secs(10), shown, |at| *at == json!(now)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_races_comes_to_the_same_as_one_after_the_other() {
    let mut site = Site::start(shared()).await;
    site.set_clock(Some(START)).await;
    let mut play = play(&site).await;
    let second = site.start_api();
    let tills: Vec<[Client; 2]> =
        play.businesses.iter().map(|it| [it.till(&site), it.till(&site).at(&second)]).collect();
    let admins = [site.admin(), site.admin().at(&second)];
    let mut now: Timestamp = START.parse().expect("a time");
    for _ in 0..as_many_as("OWN_CIRCLE_RACE_SCHEDULES", SCHEDULES).div_ceil(MEMBERS) {
        // Minutes, so that holds stay good; hours and days, so that they lapse and lots mature and expire.
        let minutes = *play.seeded.pick(&[5, 10, 600, 4_320, 14_400]);
        now = now.plus(chrono::TimeDelta::minutes(minutes));
        site.set_clock(Some(&now.to_string())).await;
        known(&admins, now).await;
        let asked: Vec<Asked> = (0..AT_ONCE).map(|_| play.ask(now)).collect();
        let sent = asked.iter().enumerate().map(|(index, asked)| {
            let of_staff = asked.path.starts_with("/admin");
            let clients = if of_staff { &admins } else { &tills[asked.business] };
            clients[index % 2].post(&asked.path, &asked.body)
        });
        let answers = join_all(sent).await;
        play.replay(asked.into_iter().zip(answers).collect(), now);
    }
    site.settle().await;
    let mut signed_in = Vec::new();
    for member in &play.members {
        signed_in.push(member.sign_in(&site).await);
    }
    play.same_balances(&signed_in, now).await;
    // Nothing was asked in vain.
    for kind in ["purchases", "captures", "holds", "cancellations", "refunds", "gifts and corrections"] {
        let count = play.accepted.get(kind).copied().unwrap_or(0);
        assert!(count >= 50, "{kind}: {:?}", play.accepted);
    }
    for code in ["INSUFFICIENT_BONUSES", "HOLD_ALREADY_CLOSED", "HOLD_LAPSED", "REFUND_EXCEEDS_PURCHASE"] {
        let count = play.refused.get(code).copied().unwrap_or(0);
        assert!(count >= 10, "{code}: {:?}", play.refused);
    }
    site.check();
}
