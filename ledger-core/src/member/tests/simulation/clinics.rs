//! What a tried policy says of clinics: nothing. `compliance.md` M4.

use super::*;

/// `compliance.md` M4: with and without it every figure is the same, and what a clinic gives is in none.
#[test]
fn rule_p3_m4_a_visit_to_a_clinic_is_in_no_figure() {
    let bought = |story: Story| {
        story
            .on("2026-03-05T12:00:00+03:00", buy("mindal", "4000.00"))
            .on("2026-03-06T12:00:00+03:00", hold(1, "mindal", "400.00", "100.00"))
            .on("2026-03-06T12:01:00+03:00", buy("mindal", "400.00").paying(1, None))
    };
    let goes_on = |story: Story| story.on("2026-03-20T12:00:00+03:00", buy("buket", "1000.00"));
    let report = |story: &Story| story.under(MARCH, "rates.insider", json!("0.06"));
    let never = report(&goes_on(bought(story())));
    let visited = goes_on(bought(story()).on("2026-03-10T12:00:00+03:00", buy("steam-center", "1000.00")));
    assert_eq!(report(&visited), never);
    // Paid with what she had earned elsewhere: what was outstanding by then stands.
    let paid = bought(story())
        .on("2026-03-10T12:00:00+03:00", hold(2, "steam-center", "400.00", "150.00"))
        .on("2026-03-10T12:01:00+03:00", buy("steam-center", "400.00").paying(2, None));
    assert_eq!(report(&goes_on(paid)), never);
    // The comparison can fail.
    let elsewhere = goes_on(bought(story()).on("2026-03-10T12:00:00+03:00", buy("zakon", "1000.00")));
    assert_ne!(report(&elsewhere), never);
}
