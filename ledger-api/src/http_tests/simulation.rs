//! Rule P3 over HTTP: one simulation at a time, and a failure after the stream began.

use ledger_core::policy::decide::first_policy;
use ledger_core::policy::event::PolicyEvent;

use super::*;

/// A ledger with the first policy, and a log that nobody can read.
struct Policed;

impl Commands for Policed {
    fn execute(&self, _: Request) -> BoxFuture<'_, Result<Receipt, ExecuteError>> {
        panic!("a simulation writes nothing")
    }

    fn refresh(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn registry(&self) -> Arc<Registry> {
        let mut registry = registry(&["mindal"]);
        registry.policies.apply(&PolicyEvent::PolicyPublished(first_policy().expect("defaults")));
        Arc::new(registry)
    }

    fn head(&self) -> Position {
        9
    }
}

#[actix_web::test]
async fn rule_p3_there_is_one_simulation_at_a_time_and_a_failure_is_its_last_line() {
    let app = web::Data::new(App { ledger: Box::new(Policed), ..state(Profile::Dev).await });
    let service = Service::new().app_data(app.clone()).wrap(from_fn(edge));
    let service = init_service(service.configure(crate::routing::configure(Profile::Dev))).await;
    let draft = |name: &str| {
        let body = json!({
            "from": "2026-02-01T00:00:00Z", "to": "2026-03-01T00:00:00Z", "parameters": { name: "0.06" },
        });
        let request = call(Operation::SimulatePolicy).insert_header((AUTHORIZATION, "ApiKey admin"));
        request.insert_header((CONTENT_TYPE, "application/json")).set_payload(body.to_string()).to_request()
    };
    let only = app.simulating.clone().try_acquire_owned().expect("free");
    let busy = service.call(draft("rates.insider")).await.expect("an answer");
    assert_eq!((busy.status().as_u16(), busy.headers().contains_key(RETRY_AFTER)), (429, true));
    // What cannot be tried is said all the same, before a stream begins.
    let wrong = service.call(draft("rates.queen")).await.expect("an answer");
    assert_eq!(wrong.status(), 400);
    drop(only);
    for _ in 0..2 {
        let answer = service.call(draft("rates.insider")).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let body = to_bytes(answer.into_body()).await.expect("lines");
        let last = body.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).expect("a line");
        let line: Value = serde_json::from_slice(last).expect("json");
        assert_eq!(line["error"]["code"], "UNAVAILABLE", "{line}");
    }
}
