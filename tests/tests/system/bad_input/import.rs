//! An import with bad lines: each is named by its number and reason, the others go in, and running it again doubles
//! nothing.

use serde_json::{Value, json};

use super::case::{SECRET, World};
use crate::past;

/// What a line is, and what must be said of it.
type Line = (Vec<u8>, &'static str, Option<&'static str>);

fn lines(member_id: &str) -> Vec<Line> {
    let line = |number: i64| {
        json!({"external_id": format!("i{number}"), "business_id": "mindal", "member": {"member_id": member_id,
            "registered_at": "2020-01-01T00:00:00Z"}, "amount": "10.00", "occurred_at": past(number * 60)})
    };
    let with = |number: i64, field: &str, value: Value| {
        let mut line = line(number);
        line[field] = value;
        line.to_string().into_bytes()
    };
    let good = |number: i64| line(number).to_string().into_bytes();
    let invalid = Some("VALIDATION_ERROR");
    vec![
        (good(1), "created", None),
        (b"{\"external_id\": ".to_vec(), "refused", invalid),
        (vec![b'{', 0xff, b'}'], "refused", invalid),
        (with(4, "amount", json!("1e400")), "refused", invalid),
        (with(5, "unheard_of", json!(SECRET)), "refused", invalid),
        (with(6, "business_id", json!("nobody")), "refused", Some("BUSINESS_NOT_FOUND")),
        (with(7, "member", json!({"qr": SECRET})), "refused", invalid),
        (with(8, "member", json!({"phone": "+79990000000"})), "unmatched", None),
        (good(9), "created", None),
        // A mistyped year is this line's fault alone.
        (with(14, "occurred_at", json!("2062-01-01T00:00:00Z")), "refused", Some("OCCURRED_IN_FUTURE")),
        (with(10, "external_id", json!("x".repeat(20_000))), "refused", Some("PAYLOAD_TOO_LARGE")),
        (with(11, "revision", json!(2)), "created", None),
        (good(12), "created", None),
        (good(3), "refused", Some("NOT_SORTED")),
        (good(13), "created", None),
    ]
}

pub(super) async fn goes_on_after_a_bad_line(world: &World) {
    let lines = lines(&world.member_id);
    let body: Vec<u8> = lines.iter().flat_map(|(line, ..)| [line.as_slice(), b"\n"].concat()).collect();
    let admin = world.site.admin();
    for again in [false, true] {
        // What the first import left to the schedules (Rule T6) is written before the log is looked at.
        world.site.settle().await;
        let head = world.site.head().await;
        let kind = [("Content-Type", "application/x-ndjson")];
        let answer = admin.send("POST", "/admin/import", &kind, body.clone()).await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(!answer.text.contains(SECRET), "a value is said again");
        let said: Vec<Value> =
            answer.text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(said.len(), lines.len(), "{}", answer.text);
        for (index, (said, (_, outcome, code))) in said.iter().zip(&lines).enumerate() {
            let outcome = if again && *outcome == "created" { "replayed" } else { outcome };
            assert_eq!(said["line"], index + 1);
            assert_eq!((said["outcome"].as_str(), said["code"].as_str()), (Some(outcome), *code), "{said}");
        }
        assert_eq!(world.site.head().await == head, again, "what was there is not written again");
    }
}
