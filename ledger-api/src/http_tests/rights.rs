//! Every call for every role, against the table of rights written a second time, plainly. Compliance P3.

use super::*;
use crate::auth::Permission;

/// The order of the columns below.
const COLUMNS: [(char, &str); 10] = [
    ('m', "member"),
    ('b', "business"),
    ('o', "business_owner"),
    ('g', "business_manager"),
    ('c', "business_staff"),
    ('s', "support"),
    ('n', "analyst"),
    ('a', "admin"),
    ('S', "superadmin"),
    ('u', "auditor"),
];

/// Who may make each call, one letter for each role: change it when you mean to change who may.
const RIGHTS: &str = "
    SendCode                 everybody
    VerifyCode               everybody
    Register                 everybody
    Refresh                  everybody
    Logout                   everybody
    StaffEnrol               everybody
    StaffSignIn              everybody
    StaffRefresh             everybody
    Jwks                     everybody
    OwnProfile               m.........
    ChangeProfile            m.........
    DeleteAccount            m.........
    OwnReport                m.........
    OwnReportPage            m.........
    AskAboutOwnData          m.........
    OwnRequests              m.........
    ChangePhone              m.........
    OwnConsents              m.........
    ChangeConsents           m.........
    OwnSessions              m.........
    EndOtherSessions         m.........
    EndSession               m.........
    ConsentText              everybody
    OwnQr                    m.........
    Balance                  m.........
    History                  m.........
    Explanation              m.........
    OwnCoupons               m.........
    ActivateCoupon           m.........
    StatusProgress           m.........
    RecordPurchase           .bogc..aS.
    RecordBatch              .bogc..aS.
    RecordScan               .bogc..aS.
    Purchases                .bogc..aS.
    OnePurchase              .bogc..aS.
    TransactionReceipt       m.........
    RefundByNumber           .bogc..aS.
    RefundPurchase           .bogc..aS.
    HoldBonuses              .bogc..aS.
    CaptureHold              .bogc..aS.
    CancelHold               .bogc..aS.
    IssueCoupon              .bog...aS.
    OneCoupon                .bogc..aS.
    RevokeCoupon             .bog...aS.
    DraftChain               .bo....aS.
    Chains                   .bog...aS.
    OneChain                 .bog...aS.
    ChangeChain              .bo....aS.
    SubmitChain              .bo....aS.
    ConsentToChain           .bo.......
    ApproveChain             .......aS.
    RejectChain              .......aS.
    ActivateChain            .bo....aS.
    PauseChain               .bo....aS.
    EndChain                 .bo....aS.
    DraftOffer               .bo....aS.
    Offers                   .bog...aS.
    OneOffer                 .bog...aS.
    ChangeOffer              .bo....aS.
    OfferHistory             .bog...aS.
    SubmitOffer              .bo....aS.
    CommentOnOffer           .bo....aS.
    ApproveOffer             .......aS.
    RejectOffer              .......aS.
    PublishOffer             .bo....aS.
    PreviewOffer             .bog...aS.
    OfferReach               .bog...aS.
    OfferStats               .bog...aS.
    EndOffer                 .bo....aS.
    SimulateChain            ......naS.
    ChainStats               .bog..naS.
    WinWin                   ......naS.
    FrequentPaths            ......naS.
    Recommendations          ......naS.
    StaffSessions            ..ogcsnaSu
    EndOtherStaffSessions    ..ogcsnaSu
    EndStaffSession          ..ogcsnaSu
    BusinessStaff            ..o....aS.
    InviteBusinessStaff      ..o....aS.
    ChangeBusinessStaff      ..o....aS.
    ResetBusinessStaff       ..o....aS.
    CloseBusinessStaff       ..o....aS.
    ProgrammeStaff           ........S.
    InviteProgrammeStaff     ........S.
    ChangeProgrammeStaff     ........S.
    ResetProgrammeStaff      ........S.
    CloseProgrammeStaff      ........S.
    ProgrammeKeys            ........S.
    RevokeProgrammeKey       ........S.
    RegisterBusiness         .......aS.
    Businesses               .....snaS.
    OneBusiness              .....snaS.
    ChangeBusiness           .......aS.
    IssueKey                 .......aS.
    Keys                     .......aS.
    RevokeKey                .......aS.
    SetMultiplier            .......aS.
    PhoneKey                 .......aS.
    RegisterMember           .......aS.
    InviteInnerCircle        .......aS.
    Uninvite                 .......aS.
    BlockMember              .....s.aS.
    UnblockMember            .....s.aS.
    ReceiveRequest           .......aS.
    SubjectRequests          .......aS.
    AnswerRequest            .......aS.
    RefuseRequest            .......aS.
    ExtendRequest            .......aS.
    BlockProcessing          .......aS.
    UnblockProcessing        .......aS.
    MergeMembers             .......aS.
    UnmergeMembers           .......aS.
    EraseMember              .......aS.
    MemberReport             .......aS.
    MemberReportPage         .......aS.
    Erasures                 .......aSu
    DestructionAct           .......aSu
    DestructionActPage       .......aSu
    LogExtract               .......aSu
    LogExtractPage           .......aSu
    Retention                .......aSu
    AdjustBonuses            .......aS.
    GiftBonuses              .......aS.
    Approvals                .......aS.
    Approve                  .......aS.
    RejectApproval           .......aS.
    PayPremium               .......aS.
    CancelPremium            .......aS.
    PublishPolicy            .......aS.
    SimulatePolicy           ......naS.
    Policies                 ......naS.
    Quarantine               .....s.aS.
    ApplyQuarantined         .......aS.
    DropQuarantined          .......aS.
    TrialBalance             .......aSu
    Checkpoint               .......aSu
    Cosign                   .........u
    InclusionProof           .......aSu
    ConsistencyProof         .......aSu
    AuditEvents              .........u
    AccessRecords            .........u
    SecurityEvents           ........Su
    Import                   .......aS.
    Outbox                   everybody
    SetClock                 everybody
    Settle                   everybody
    Live                     everybody
    Ready                    everybody
    Metrics                  everybody
    OpenApiDocument          everybody
";

fn rights() -> Vec<(&'static str, &'static str)> {
    RIGHTS.split_whitespace().collect::<Vec<_>>().chunks(2).map(|line| (line[0], line[1])).collect()
}

#[actix_web::test]
async fn compliance_p3_every_call_for_every_role_is_what_the_table_says() {
    let names: Vec<&str> = Operation::ALL.iter().map(|operation| operation.name()).collect();
    let rights = rights();
    assert_eq!(rights.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names, "each call has its line");
    for (operation, (name, letters)) in Operation::ALL.iter().zip(rights) {
        if letters == "everybody" {
            assert_eq!(operation.access(), Access::Open, "{name}");
            continue;
        }
        let nobody = [call(*operation), call(*operation).insert_header((AUTHORIZATION, "ApiKey nobody"))];
        let by_role =
            COLUMNS.map(|(_, key)| call(*operation).insert_header((AUTHORIZATION, format!("ApiKey {key}"))));
        let answers = ask(Profile::Dev, nobody.into_iter().chain(by_role).collect()).await;
        let found: Vec<(u16, &str)> = answers
            .iter()
            .map(|(response, body)| {
                (response.status().as_u16(), body["error"]["code"].as_str().unwrap_or_default())
            })
            .collect();
        assert_eq!(found[..2], [(401, "UNAUTHENTICATED"); 2], "{name} without a credential");
        assert_eq!(letters.len(), COLUMNS.len(), "{name}");
        for (((letter, role), written), found) in COLUMNS.iter().zip(letters.chars()).zip(&found[2..]) {
            let may = found.0 != 401 && *found != (403, "FORBIDDEN");
            assert_eq!(may, written == *letter, "{name} for {role}: {found:?}");
        }
    }
}

/// Each key of a business with one scope alone: what it may is what needs that scope.
#[test]
fn compliance_p3_a_scope_gives_what_it_names() {
    let by_scope = |scope: &str| {
        let key = Caller {
            role: Role::Business,
            credential: Uuid::from_u128(1),
            business: Some(BusinessId::from_uuid(Uuid::from_u128(1))),
            session: None,
            scopes: Scopes::named([scope]),
        };
        let needs = |operation: &&Operation| matches!(operation.access(), Access::Needs(permission) if key.may(permission));
        Operation::ALL.iter().filter(needs).map(|operation| operation.name()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        by_scope("purchases:write"),
        "RecordPurchase RecordBatch RecordScan RefundByNumber RefundPurchase CaptureHold"
    );
    assert_eq!(by_scope("purchases:read"), "Purchases OnePurchase");
    assert_eq!(by_scope("redemptions"), "HoldBonuses CancelHold");
    assert_eq!(by_scope("coupons"), "IssueCoupon OneCoupon RevokeCoupon");
    assert_eq!(by_scope("reports:read"), "PreviewOffer OfferReach OfferStats ChainStats");
    assert_eq!(by_scope("everything"), "");
    let key_may = Operation::ALL
        .iter()
        .filter(|operation| operation.access().roles().contains(&Role::Business))
        .all(|operation| matches!(operation.access(), Access::Needs(one) if one.scope().is_some()));
    assert!(key_may, "what a key may do has a scope");
    assert!(!Role::Business.may(Permission::ManageKeys), "no key makes keys");
}

#[actix_web::test]
async fn the_trial_balance_is_for_admins_and_auditors_alone() {
    let asked = |key| call(Operation::TrialBalance).insert_header((AUTHORIZATION, format!("ApiKey {key}")));
    let requests = ROLES.iter().map(|(key, _)| asked(key)).collect();
    let answers = ask(Profile::Production, requests).await;
    let found: Vec<_> = ROLES
        .iter()
        .zip(&answers)
        .map(|((key, _), (response, _))| (*key, response.status().as_u16()))
        .collect();
    // 503: let in, and the read models are away.
    let expected = [
        ("member", 403),
        ("business", 403),
        ("clinic", 403),
        ("business_owner", 403),
        ("business_manager", 403),
        ("business_staff", 403),
        ("support", 403),
        ("analyst", 403),
        ("admin", 503),
        ("superadmin", 503),
        ("auditor", 503),
    ];
    assert_eq!(found, expected);
    let with_query = TestRequest::get().uri("/api/v1/admin/trial-balance?limit=1");
    let with_query = with_query.insert_header((AUTHORIZATION, "ApiKey admin"));
    let answers = ask(Profile::Production, vec![with_query]).await;
    assert_eq!(answers.first().expect("an answer").0.status().as_u16(), 400);
}
