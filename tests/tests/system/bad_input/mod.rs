//! Every field of every call, filled in wrongly: a refusal that names the field, the envelope, nothing written, nothing
//! of the value said again.

mod access;
mod bonuses;
mod calls;
mod case;
mod chains;
mod coupons;
mod fields;
mod import;
mod odd;
mod offers;
mod previews;
mod proofs;

use serde_json::json;
use system_tests::system::Site;

use case::{Case, SECRET, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_field_of_every_call() {
    let world = World::start().await;
    let mut cases = fields::cases(&world.member_id);
    cases.extend(odd::cases(&world.member_id));
    cases.extend(calls::cases());
    cases.extend(proofs::cases());
    assert!(cases.len() >= 150, "{} cases", cases.len());
    let before = world.site.head().await;
    let mut wrong = Vec::new();
    for case in &cases {
        let answer = world.send(case).await;
        let said = (answer.status, answer.code());
        let expected = (case.expected.status, case.expected.code);
        let named = case.is_named_in(&answer);
        if said != expected
            || !named
            || !Site::is_failure_envelope(&answer.text)
            || answer.text.contains(SECRET)
        {
            wrong.push(format!(
                "{}: {} instead of {expected:?} naming {:?}",
                case.name, answer.text, case.expected.field
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(world.site.head().await, before, "nothing was written");
    for path in world.site.log_files() {
        let log = std::fs::read_to_string(&path).unwrap();
        assert!(!log.contains(SECRET), "a refused value is in {}", path.display());
    }
    attempts_are_recorded(&world, &cases).await;
    codes_of_every_wrong_kind(&world.site).await;
    codes_for_one_phone_are_limited(&world.site).await;
    huge_body(&world.site).await;
    import::goes_on_after_a_bad_line(&world).await;
    phones_in_every_common_form(&world.site).await;
}

/// Battery, "security record": each refusal that may be an attempt, in a log of its own and as a count.
async fn attempts_are_recorded(world: &World, cases: &[Case]) {
    let of = |code: &str| cases.iter().filter(|case| case.expected.code == code).count();
    let metrics = world.site.nobody().get("/metrics").await.text;
    let counted = |kind: &str| {
        let name = format!("security_records_total{{kind=\"{kind}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse::<usize>().ok()).unwrap_or(0)
    };
    assert_eq!(counted("field_not_allowed"), of("FIELD_NOT_ALLOWED"));
    assert_eq!(counted("not_allowed"), of("FORBIDDEN"));
    assert!(of("FIELD_NOT_ALLOWED") > 0 && of("FORBIDDEN") > 0 && counted("not_there_or_not_theirs") > 0);
    let is_told = |log: String| log.contains("a credential was refused");
    assert!(world.site.log_files().iter().any(|path| is_told(std::fs::read_to_string(path).unwrap())));
}

/// Battery, OTP: wrong, sixth try, used, of another request: 401 with one body, 429 at last.
async fn codes_of_every_wrong_kind(site: &Site) {
    let nobody = site.nobody();
    let body = json!({"phone": "+79995557777"});
    let sent = nobody.post("/auth/send-code", &body).await.data(200);
    let outbox = nobody.get("/dev/outbox?phone=%2B79995557777").await.data(200);
    let right = outbox["messages"][0]["code"].as_str().unwrap().to_owned();
    let wrong = if right == "000000" { "000001" } else { "000000" };
    let guess = json!({"code_id": sent["code_id"], "code": wrong});
    let of_nobody = json!({"code_id": "018f4d4e-7b5a-7c3e-8a51-2f1d1c0e9a10", "code": wrong});
    let unknown = nobody.post("/auth/verify-code", &of_nobody).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let answer = nobody.post("/auth/verify-code", &guess).await;
        if answer.status == 401 {
            assert_eq!(answer.body["error"], unknown.body["error"], "one body for every wrong code");
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
    let late = nobody.post("/auth/verify-code", &json!({"code_id": sent["code_id"], "code": right})).await;
    assert_eq!(late.status, 429, "even the right one: {}", late.text);
}

/// Twenty times the limit of production in the `dev` profile, whose clock may jump: 20 codes a minute for one phone.
async fn codes_for_one_phone_are_limited(site: &Site) {
    let nobody = site.nobody();
    let body = json!({"phone": "+79995556666"});
    for number in 1..=20 {
        let answer = nobody.post("/auth/send-code", &body).await;
        assert_eq!(answer.status, 200, "number {number}: {}", answer.text);
    }
    let answer = nobody.post("/auth/send-code", &body).await;
    assert_eq!((answer.status, answer.code()), (429, "RATE_LIMITED"));
    assert!((1..=60).contains(&answer.header("retry-after").parse::<u64>().unwrap()));
}

/// 100 MB are refused and not kept.
async fn huge_body(site: &Site) {
    let admin = site.admin();
    let before = resident_kib(site);
    let huge = vec![b'7'; 100 * 1024 * 1024];
    let sent = admin.send("POST", "/transactions", &[("Content-Type", "application/json")], huge).await;
    let answer = sent.expect("the client can read the refusal");
    assert_eq!((answer.status, answer.code()), (413, "PAYLOAD_TOO_LARGE"));
    let after = resident_kib(site);
    assert!(after < before + 50 * 1024, "{before} KiB before, {after} KiB after");
    assert_eq!(site.nobody().get("/health/live").await.status, 200);
}

/// What the first `ledger-api` holds in memory.
pub(crate) fn resident_kib(site: &Site) -> u64 {
    let pid = site.api_pid().expect("a running process");
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// One phone in the forms people write it: one member.
async fn phones_in_every_common_form(site: &Site) {
    let admin = site.admin();
    let body = |phone: &str| json!({"phone": phone, "first_name": "Анна"});
    let made = admin.post("/admin/members", &body("+79995551234")).await;
    assert_eq!(made.status, 201);
    for form in [
        "89995551234",
        "8 (999) 555-12-34",
        "+7 999 555 12 34",
        "7-999-555-12-34",
        "9995551234",
        " +7(999)5551234 ",
    ] {
        let answer = admin.post("/admin/members", &body(form)).await;
        assert_eq!((answer.status, answer.code()), (409, "MEMBER_EXISTS"), "{form}: {}", answer.text);
    }
}
