//! Around every answer: security headers, and which pages of a browser may read it.

use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, HeaderName,
    ORIGIN, VARY,
};

use super::*;

const PAGE: &str = "https://app.example.org";

#[actix_web::test]
async fn every_answer_has_the_security_headers_whatever_it_is() {
    let requests = vec![
        TestRequest::get().uri("/health/live"),
        TestRequest::get().uri("/api/v1/nothing"),
        TestRequest::get().uri("/api/v1/users/me"),
        call(Operation::Quarantine).insert_header((AUTHORIZATION, "ApiKey admin")),
        TestRequest::delete().uri("/api/v1/admin/businesses/mindal"),
    ];
    let answers = ask(Profile::Production, requests).await;
    let statuses: Vec<u16> = answers.iter().map(|(response, _)| response.status().as_u16()).collect();
    assert_eq!(statuses, [200, 404, 401, 503, 405]);
    for (response, _) in &answers {
        let header = |name: &'static str| {
            response.headers().get(HeaderName::from_static(name)).and_then(|value| value.to_str().ok())
        };
        assert_eq!(header("content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
        assert_eq!(header("x-content-type-options"), Some("nosniff"));
        assert_eq!(header("x-frame-options"), Some("DENY"));
        assert_eq!(header("referrer-policy"), Some("no-referrer"));
        assert_eq!(header("cache-control"), Some("no-store"));
        assert_eq!(header("strict-transport-security"), Some("max-age=31536000; includeSubDomains"));
        assert!(header("permissions-policy").is_some() && header("x-request-id").is_some());
        assert_eq!(header("access-control-allow-origin"), None, "nobody's page unless it is named");
    }
}

#[actix_web::test]
async fn a_page_may_call_when_the_settings_name_its_origin_alone() {
    let from =
        |origin: &'static str| TestRequest::get().uri("/api/v1/users/me").insert_header((ORIGIN, origin));
    let preflight = |origin: &'static str| {
        TestRequest::with_uri("/api/v1/users/me")
            .method(actix_web::http::Method::OPTIONS)
            .insert_header((ORIGIN, origin))
            .insert_header((ACCESS_CONTROL_REQUEST_METHOD, "PATCH"))
    };
    let others = ["https://app.example.org.evil.example", "http://app.example.org", "null"];
    let mut requests = vec![from(PAGE), preflight(PAGE)];
    requests.extend(others.map(from));
    requests.extend(others.map(preflight));
    let answers = ask(Profile::Production, requests).await;
    let origin = |response: &ServiceResponse| response.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN).cloned();
    for (response, _) in answers.iter().take(2) {
        assert_eq!(origin(response).expect("named"), PAGE);
        assert_eq!(response.headers().get(VARY).expect("vary"), "Origin");
        assert!(!response.headers().contains_key("access-control-allow-credentials"));
    }
    assert_eq!(
        answers.iter().take(2).map(|(response, _)| response.status().as_u16()).collect::<Vec<_>>(),
        [401, 204]
    );
    assert!(answers.get(1).expect("an answer").0.headers().contains_key(ACCESS_CONTROL_ALLOW_METHODS));
    for (response, _) in answers.iter().skip(2) {
        assert_eq!(origin(response), None);
        assert!(response.status().is_client_error());
    }
}
