//! Every call of the service in one table: address, who may make it, how it is made once, what goes in and out.

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use utoipa::openapi::path::HttpMethod;

use super::{Access, Exists, Once, Shape, shape};
use crate::auth::Permission;
use crate::call::guarded;
use crate::dto;
use crate::routes;

const MEMBERS: Access = Access::Needs(Permission::OwnAccount);
const ERASERS: Access = Access::Needs(Permission::EraseMembers);
const SUBJECTS: Access = Access::Needs(Permission::AnswerSubjects);
const REPORTERS: Access = Access::Needs(Permission::ReportToMembers);
const KEEPERS: Access = Access::Needs(Permission::ReadErasures);
const SIGN_INS: Access = Access::Needs(Permission::OwnSignIns);
const PURCHASES: Access = Access::Needs(Permission::RecordPurchases);
const TILLS: Access = Access::Needs(Permission::HoldBonuses);
const PARTNERS: Access = Access::Needs(Permission::ReadPromotion);
/// A business's own key speaks for its owner.
const OWNERS: Access = Access::Needs(Permission::ManagePromotion);
const REPORTS: Access = Access::Needs(Permission::ReadOwnFigures);
const READERS: Access = Access::Needs(Permission::ReadProofs);
/// The log itself, medical purchases in it: of those who can look nobody up in the vault.
const AUDITORS: Access = Access::Needs(Permission::ReadLog);
const APPROVERS: Access = Access::Needs(Permission::DecideApprovals);
const ANALYSTS: Access = Access::Needs(Permission::ReadFigures);

operations! {
    SendCode: POST "/api/v1/auth/send-code", Access::Open, Free, Everywhere, routes::auth::send_code,
        "Send a confirming code to a phone", dto::SendCode => "200" dto::CodeSent;
    VerifyCode: POST "/api/v1/auth/verify-code", Access::Open, Free, Everywhere, routes::auth::verify_code,
        "Sign in with a code", dto::VerifyCode => "200" dto::SignedIn;
    Register: POST "/api/v1/auth/register", Access::Open, Free, Everywhere, routes::auth::register,
        "Join the programme with a code", dto::Register => "201" dto::SignedIn;
    Refresh: POST "/api/v1/auth/refresh", Access::Open, Free, Everywhere, routes::auth::refresh,
        "Exchange a refresh token for a new pair", dto::RefreshToken => "200" dto::SignedIn;
    Logout: POST "/api/v1/auth/logout", Access::Open, Free, Everywhere, routes::auth::log_out,
        "End a sign-in and every token of it", dto::RefreshToken => "200" dto::Done;
    StaffEnrol: POST "/api/v1/auth/staff/enrol", Access::Open, Free, Everywhere, routes::staff_auth::enrol,
        "Choose a password with the token of a new account; the TOTP secret and recovery codes are shown once",
        dto::Enrol => "200" dto::EnrolledStaff;
    StaffSignIn: POST "/api/v1/auth/staff/sign-in", Access::Open, Free, Everywhere, routes::staff_auth::sign_in,
        "Sign in as staff with a password and a code that is good once", dto::StaffSignIn => "200" dto::StaffSignedIn;
    StaffRefresh: POST "/api/v1/auth/staff/refresh", Access::Open, Free, Everywhere, routes::staff_auth::refresh,
        "Exchange a refresh token of staff for a new pair", dto::RefreshToken => "200" dto::StaffSignedIn;
    Jwks: GET "/.well-known/jwks.json", Access::Open, Free, Everywhere, routes::auth::jwks,
        "The public keys of tokens", () => "200" dto::Jwks;

    OwnProfile: GET "/api/v1/users/me", MEMBERS, Free, Everywhere, routes::profile::read,
        "Her profile", () => "200" dto::Profile;
    ChangeProfile: PATCH "/api/v1/users/me", MEMBERS, Free, Everywhere, routes::profile::change,
        "Change her profile", dto::ProfileChange => "200" dto::Profile;
    DeleteAccount: DELETE "/api/v1/users/me", MEMBERS, Free, Everywhere, routes::erasure::delete_own,
        "Delete her account: what is known of her is destroyed at once; with a code, or within ten minutes of a sign-in",
        dto::DeleteAccount => "200" dto::ErasureAnswer;
    OwnReport: GET "/api/v1/users/me/report", MEMBERS, Free, Everywhere, routes::report::own,
        "All that is known of her, why, for how long, and who read it (152-ФЗ art. 14 part 7)",
        () => "200" crate::report::SubjectReport;
    OwnReportPage: GET "/api/v1/users/me/report.html", MEMBERS, Free, Everywhere, routes::report::own_html,
        "All that is known of her, to be printed", () => "200" ();
    AskAboutOwnData: POST "/api/v1/users/me/requests", MEMBERS, Header, Everywhere, routes::requests::ask,
        "Demand something about her data: it has a term by the law (152-ФЗ art. 14, 20, 21); from a demand that they not be used they are not",
        dto::OwnRequest => "201" dto::RequestDue;
    OwnRequests: GET "/api/v1/users/me/requests", MEMBERS, Free, Everywhere, routes::requests::own,
        "What she demanded about her data, and where it stands, newest first", () => "200" dto::SubjectRequests;
    ChangePhone: POST "/api/v1/users/me/phone", MEMBERS, Header, Everywhere, routes::profile::change_phone,
        "Change her phone with a code sent to the new one; bonuses cannot be spent for a while",
        dto::VerifyCode => "200" dto::PhoneChanged;
    OwnConsents: GET "/api/v1/users/me/consents", MEMBERS, Free, Everywhere, routes::consents::list,
        "Her consents", () => "200" dto::Consents;
    ChangeConsents: PUT "/api/v1/users/me/consents", MEMBERS, Free, Everywhere, routes::consents::change,
        "Give or withdraw consents; purposes not named stay", Vec<dto::ConsentChange> => "200" dto::Consents;
    OwnSessions: GET "/api/v1/users/me/sessions", MEMBERS, Free, Everywhere, routes::sessions::list,
        "Her sign-ins that go on", () => "200" dto::Sessions;
    EndOtherSessions: DELETE "/api/v1/users/me/sessions", MEMBERS, Free, Everywhere, routes::sessions::end_others,
        "End every sign-in of hers but this one", () => "200" dto::SessionsEnded;
    EndSession: DELETE "/api/v1/users/me/sessions/{id}", MEMBERS, Free, Everywhere, routes::sessions::end_one,
        "End a sign-in of hers", () => "200" dto::SessionsEnded;
    ConsentText: GET "/api/v1/consents/{purpose}/text", Access::Open, Free, Everywhere, routes::consents::text,
        "The words of a consent, to be shown before it is given, and by version for ever after",
        () => "200" dto::ConsentWords;
    OwnQr: GET "/api/v1/users/me/qr", MEMBERS, Free, Everywhere, routes::profile::qr,
        "A code to show at the till, good for one scan", () => "200" dto::Qr;
    Balance: GET "/api/v1/loyalty/balance", MEMBERS, Free, Everywhere, routes::loyalty::balance,
        "Her bonuses now", () => "200" dto::Balance;
    History: GET "/api/v1/loyalty/transactions", MEMBERS, Free, Everywhere, routes::loyalty::history,
        "What moved her bonuses, newest first", () => "200" dto::History;
    Explanation: GET "/api/v1/loyalty/transactions/{id}/explain", MEMBERS, Free, Everywhere, routes::loyalty::explain,
        "Which rates, multipliers, policy and lots led to a line of her history", () => "200" dto::Explanation;
    OwnCoupons: GET "/api/v1/loyalty/coupons", MEMBERS, Free, Everywhere, routes::coupons::own,
        "Her coupons that can still be used, newest first", () => "200" dto::OwnCoupons;
    ActivateCoupon: POST "/api/v1/loyalty/coupons/{id}/activate", MEMBERS, Header, Everywhere, routes::coupons::activate,
        "Get a code to use a coupon with", dto::NoFields => "200" dto::ActivationAnswer;
    StatusProgress: GET "/api/v1/loyalty/status-progress", MEMBERS, Free, Everywhere, routes::loyalty::progress,
        "Her status and the way to the next", () => "200" dto::StatusProgress;

    RecordPurchase: POST "/api/v1/transactions", PURCHASES, Natural, Everywhere, routes::purchases::record,
        "Report a purchase", dto::PurchaseDocument => "201" dto::PurchaseAnswer;
    RecordBatch: POST "/api/v1/transactions/batch", PURCHASES, Natural, Everywhere, routes::batch::record,
        "Report up to 1000 purchases", dto::Batch => "200" dto::BatchAnswer;
    RecordScan: POST "/api/v1/transactions/scan", PURCHASES, Natural, Everywhere, routes::purchases::scan,
        "Report a purchase of the member whose QR code was scanned", dto::Scan => "201" dto::PurchaseAnswer;
    Purchases: GET "/api/v1/transactions", Access::Needs(Permission::ReadPurchases), Free, Everywhere, routes::purchases::list,
        "The caller's own purchases, newest first", () => "200" dto::Purchases;
    OnePurchase: GET "/api/v1/transactions/{id}", Access::Needs(Permission::ReadPurchases), Free, Everywhere, routes::purchases::one,
        "One of the caller's own purchases", () => "200" dto::Purchase;
    TransactionReceipt: GET "/api/v1/transactions/{id}/receipt", MEMBERS, Free, Everywhere, routes::audit::receipt,
        "What proves a purchase of hers, or a line of her history, to anybody: the event, its path, a signed checkpoint",
        () => "200" dto::TransactionReceipt;
    RefundByNumber: POST "/api/v1/transactions/refunds", PURCHASES, Natural, Everywhere, routes::refunds::by_number,
        "Give back money for a purchase named by the partner's own number; one not known yet is waited for",
        dto::RefundByNumber => "201" dto::RefundAnswer;
    RefundPurchase: POST "/api/v1/transactions/{id}/refunds", PURCHASES, Natural, Everywhere, routes::refunds::by_id,
        "Give back money for a purchase", dto::RefundPurchase => "201" dto::RefundAnswer;
    HoldBonuses: POST "/api/v1/redemptions", TILLS, Header, Everywhere, routes::redemptions::hold,
        "Reserve bonuses for a purchase", dto::HoldBonuses => "201" dto::HoldAnswer;
    CaptureHold: POST "/api/v1/redemptions/{id}/capture", PURCHASES, Natural, Everywhere, routes::redemptions::capture,
        "Report the purchase that is paid with held bonuses", dto::CaptureHold => "201" dto::PurchaseAnswer;
    CancelHold: POST "/api/v1/redemptions/{id}/cancel", TILLS, Header, Everywhere, routes::redemptions::cancel,
        "Call a hold off", dto::CancelHold => "200" dto::CancelAnswer;

    IssueCoupon: POST "/api/v1/coupons", Access::Needs(Permission::IssueCoupons), Header, Everywhere, routes::coupon_issue::issue,
        "Give a member a coupon for the business", dto::IssueCoupon => "201" dto::CouponIssuedAnswer;
    OneCoupon: GET "/api/v1/coupons/{id}", Access::Needs(Permission::ReadCoupons), Free, Everywhere, routes::coupons::one,
        "One of the caller's own coupons", () => "200" dto::Coupon;
    RevokeCoupon: POST "/api/v1/coupons/{id}/revoke", Access::Needs(Permission::IssueCoupons), Header, Everywhere, routes::coupons::revoke,
        "Take a coupon away that was not used", dto::RevokeCoupon => "200" dto::RevokedAnswer;

    DraftChain: POST "/api/v1/cross-promo/chains", OWNERS, Header, Everywhere, routes::chains::draft,
        "Draw up a chain; a business one that it is part of", dto::DraftChain => "201" dto::ChainAnswer;
    Chains: GET "/api/v1/cross-promo/chains", PARTNERS, Free, Everywhere, routes::chains::list,
        "The caller's own chains, the last drawn up first", () => "200" dto::Chains;
    OneChain: GET "/api/v1/cross-promo/chains/{id}", PARTNERS, Free, Everywhere, routes::chains::one,
        "One of the caller's own chains", () => "200" dto::Chain;
    ChangeChain: PATCH "/api/v1/cross-promo/chains/{id}", OWNERS, Free, Everywhere, routes::chains::change,
        "Change a chain: a new version as a draft; one that runs goes on until the new one is activated",
        dto::ChangeChain => "200" dto::ChainAnswer;
    SubmitChain: POST "/api/v1/cross-promo/chains/{id}/submit", OWNERS, Header, Everywhere, routes::chains::submit,
        "Submit the newest version", dto::NoFields => "200" dto::ChainAnswer;
    ConsentToChain: POST "/api/v1/cross-promo/chains/{id}/consent", Access::Needs(Permission::ConsentToChains), Header, Everywhere,
        routes::chains::consent, "Consent to the newest version on behalf of a business in it",
        dto::ConsentToChain => "200" dto::ChainAnswer;
    ApproveChain: POST "/api/v1/cross-promo/chains/{id}/approve", Access::Needs(Permission::ApprovePromotion), Header, Everywhere, routes::chains::approve,
        "Approve the newest version, to which every owner has consented", dto::NoFields => "200" dto::ChainAnswer;
    RejectChain: POST "/api/v1/cross-promo/chains/{id}/reject", Access::Needs(Permission::ApprovePromotion), Header, Everywhere, routes::chains::reject,
        "Reject the newest version", dto::RejectChain => "200" dto::ChainAnswer;
    ActivateChain: POST "/api/v1/cross-promo/chains/{id}/activate", OWNERS, Header, Everywhere,
        routes::chains::activate, "Activate the newest version, or the one that is paused",
        dto::NoFields => "200" dto::ChainAnswer;
    PauseChain: POST "/api/v1/cross-promo/chains/{id}/pause", OWNERS, Header, Everywhere, routes::chains::pause,
        "Pause the version that is active", dto::NoFields => "200" dto::ChainAnswer;
    EndChain: POST "/api/v1/cross-promo/chains/{id}/end", OWNERS, Header, Everywhere, routes::chains::end,
        "End a chain for ever", dto::NoFields => "200" dto::ChainAnswer;

    DraftOffer: POST "/api/v1/offers", OWNERS, Header, Everywhere, routes::offers::draft,
        "Draw up an offer; a business for itself", dto::DraftOffer => "201" dto::OfferAnswer;
    Offers: GET "/api/v1/offers", PARTNERS, Free, Everywhere, routes::offers::list,
        "The caller's own offers, the last drawn up first", () => "200" dto::Offers;
    OneOffer: GET "/api/v1/offers/{id}", PARTNERS, Free, Everywhere, routes::offers::one,
        "One of the caller's own offers", () => "200" dto::Offer;
    ChangeOffer: PATCH "/api/v1/offers/{id}", OWNERS, Free, Everywhere, routes::offers::change,
        "Change an offer that is not published: a new version as a draft", dto::ChangeOffer => "200" dto::OfferAnswer;
    OfferHistory: GET "/api/v1/offers/{id}/history", PARTNERS, Free, Everywhere, routes::offers::history,
        "What was done with an offer and said about it, from its beginning", () => "200" dto::OfferHistory;
    SubmitOffer: POST "/api/v1/offers/{id}/submit", OWNERS, Header, Everywhere, routes::offers::submit,
        "Submit the newest version", dto::NoFields => "200" dto::OfferAnswer;
    CommentOnOffer: POST "/api/v1/offers/{id}/comments", OWNERS, Header, Everywhere, routes::offers::comment,
        "Say something about an offer to those who work on it", dto::CommentOnOffer => "201" dto::OfferAnswer;
    ApproveOffer: POST "/api/v1/offers/{id}/approve", Access::Needs(Permission::ApprovePromotion), Header, Everywhere, routes::offers::approve,
        "Approve the newest version", dto::ApproveOffer => "200" dto::OfferAnswer;
    RejectOffer: POST "/api/v1/offers/{id}/reject", Access::Needs(Permission::ApprovePromotion), Header, Everywhere, routes::offers::reject,
        "Reject the newest version", dto::RejectOffer => "200" dto::OfferAnswer;
    PublishOffer: POST "/api/v1/offers/{id}/publish", OWNERS, Header, Everywhere, routes::offers::publish,
        "Publish the newest version, which was approved: each member of its audience gets its coupon, or its multiplier is in force",
        dto::NoFields => "200" dto::OfferAnswer;
    PreviewOffer: POST "/api/v1/offers/preview", REPORTS, Free, Everywhere, routes::offer_figures::preview,
        "How many members an audience is, in whole tens; writes nothing", dto::PreviewOffer => "200" dto::OfferReach;
    OfferReach: GET "/api/v1/offers/{id}/reach", REPORTS, Free, Everywhere, routes::offer_figures::reach,
        "How many members an offer reaches, in whole tens", () => "200" dto::OfferReach;
    OfferStats: GET "/api/v1/offers/{id}/stats", REPORTS, Free, Everywhere, routes::offer_figures::stats,
        "What became of an offer", () => "200" dto::OfferStats;
    EndOffer: POST "/api/v1/offers/{id}/end", OWNERS, Header, Everywhere, routes::offers::end,
        "End an offer for ever; coupons that it gave live on", dto::NoFields => "200" dto::OfferAnswer;

    SimulateChain: POST "/api/v1/cross-promo/chains/simulate", Access::Needs(Permission::Simulate), Free, Everywhere, routes::chain_simulation::run,
        "Replay the last days of the log with a chain; writes nothing. NDJSON out: progress, then the result",
        dto::SimulateChain => "200" dto::ChainSimulationLine;
    ChainStats: GET "/api/v1/cross-promo/chains/{id}/stats", Access::Needs(Permission::ReadChainFigures), Free, Everywhere,
        routes::promotion::stats, "What a chain led to, step by step; a business, what its own steps came to by the end of the last month", () => "200" dto::ChainStats;
    WinWin: GET "/api/v1/cross-promo/win-win", ANALYSTS, Free, Everywhere, routes::promotion::win_win,
        "Who buys where after whom: every pair of ordinary businesses with its index", () => "200" dto::WinWin;
    FrequentPaths: GET "/api/v1/cross-promo/win-win/paths", ANALYSTS, Free, Everywhere, routes::promotion::paths,
        "The longest paths from business to business that many members took", () => "200" dto::FrequentPaths;
    Recommendations: GET "/api/v1/cross-promo/recommendations", ANALYSTS, Free, Everywhere,
        routes::promotion::recommendations, "Chains to create, the most promising for the weaker side first",
        () => "200" dto::Recommendations;

    StaffSessions: GET "/api/v1/staff/me/sessions", SIGN_INS, Free, Everywhere, routes::sessions::list,
        "One's own sign-ins that go on", () => "200" dto::Sessions;
    EndOtherStaffSessions: DELETE "/api/v1/staff/me/sessions", SIGN_INS, Free, Everywhere,
        routes::sessions::end_others, "End every sign-in of one's own but this one", () => "200" dto::SessionsEnded;
    EndStaffSession: DELETE "/api/v1/staff/me/sessions/{id}", SIGN_INS, Free, Everywhere,
        routes::sessions::end_one, "End a sign-in of one's own", () => "200" dto::SessionsEnded;
    BusinessStaff: GET "/api/v1/businesses/{id}/staff", Access::Needs(Permission::ManageBusinessStaff), Free, Everywhere,
        routes::staff::list, "The accounts of a business", () => "200" dto::StaffAccounts;
    InviteBusinessStaff: POST "/api/v1/businesses/{id}/staff", Access::Needs(Permission::ManageBusinessStaff), Header, Everywhere,
        routes::staff::invite, "Make an account of a business; its token is shown once",
        dto::InviteStaff => "201" dto::InvitedStaff;
    ChangeBusinessStaff: PATCH "/api/v1/businesses/{id}/staff/{staff_id}", Access::Needs(Permission::ManageBusinessStaff), Free, Everywhere,
        routes::staff::change, "Give an account another role; its sign-ins are ended",
        dto::ChangeStaff => "200" dto::Done;
    ResetBusinessStaff: POST "/api/v1/businesses/{id}/staff/{staff_id}/reset", Access::Needs(Permission::ManageBusinessStaff), Header, Everywhere,
        routes::staff::reset, "Take an account's secrets away; a new token is shown once",
        dto::NoFields => "201" dto::InvitedStaff;
    CloseBusinessStaff: DELETE "/api/v1/businesses/{id}/staff/{staff_id}", Access::Needs(Permission::ManageBusinessStaff), Free, Everywhere,
        routes::staff::close, "Close an account for ever", () => "200" dto::Done;
    ProgrammeStaff: GET "/api/v1/admin/staff", Access::Needs(Permission::ManageStaff), Free, Everywhere,
        routes::staff::list, "The accounts of the programme", () => "200" dto::StaffAccounts;
    InviteProgrammeStaff: POST "/api/v1/admin/staff", Access::Needs(Permission::ManageStaff), Header, Everywhere,
        routes::staff::invite, "Make an account of the programme; its token is shown once",
        dto::InviteStaff => "201" dto::InvitedStaff;
    ChangeProgrammeStaff: PATCH "/api/v1/admin/staff/{staff_id}", Access::Needs(Permission::ManageStaff), Free, Everywhere,
        routes::staff::change, "Give an account another role; its sign-ins are ended",
        dto::ChangeStaff => "200" dto::Done;
    ResetProgrammeStaff: POST "/api/v1/admin/staff/{staff_id}/reset", Access::Needs(Permission::ManageStaff), Header, Everywhere,
        routes::staff::reset, "Take an account's secrets away; a new token is shown once",
        dto::NoFields => "201" dto::InvitedStaff;
    CloseProgrammeStaff: DELETE "/api/v1/admin/staff/{staff_id}", Access::Needs(Permission::ManageStaff), Free, Everywhere,
        routes::staff::close, "Close an account for ever", () => "200" dto::Done;
    ProgrammeKeys: GET "/api/v1/admin/api-keys", Access::Needs(Permission::ManageStaff), Free, Everywhere,
        routes::api_keys::list_programmes, "The API keys of admins, superadmins and auditors, without the keys themselves",
        () => "200" dto::ProgrammeKeys;
    RevokeProgrammeKey: DELETE "/api/v1/admin/api-keys/{key_id}", Access::Needs(Permission::ManageStaff), Free, Everywhere,
        routes::api_keys::revoke_programmes, "Revoke an API key of the programme, but not the one it is asked with",
        () => "200" dto::Done;

    RegisterBusiness: POST "/api/v1/admin/businesses", Access::Needs(Permission::ManageBusinesses), Header, Everywhere, routes::businesses::register,
        "Register a business", dto::RegisterBusiness => "201" dto::BusinessId;
    Businesses: GET "/api/v1/admin/businesses", Access::Needs(Permission::ReadBusinesses), Free, Everywhere, routes::businesses::list,
        "All businesses", () => "200" dto::Businesses;
    OneBusiness: GET "/api/v1/admin/businesses/{id}", Access::Needs(Permission::ReadBusinesses), Free, Everywhere, routes::businesses::one,
        "One business, by id or slug", () => "200" dto::Business;
    ChangeBusiness: PATCH "/api/v1/admin/businesses/{id}", Access::Needs(Permission::ManageBusinesses), Free, Everywhere, routes::businesses::change,
        "Change a business's name or terms from now on", dto::ChangeBusiness => "200" dto::Business;
    IssueKey: POST "/api/v1/admin/businesses/{id}/api-keys", Access::Needs(Permission::ManageKeys), Header, Everywhere, routes::api_keys::issue,
        "Make an API key of a business; shown once", dto::IssueKey => "201" dto::IssuedKey;
    Keys: GET "/api/v1/admin/businesses/{id}/api-keys", Access::Needs(Permission::ManageKeys), Free, Everywhere, routes::api_keys::list,
        "A business's API keys, without the keys themselves", () => "200" dto::ApiKeys;
    RevokeKey: DELETE "/api/v1/admin/businesses/{id}/api-keys/{key_id}", Access::Needs(Permission::ManageKeys), Free, Everywhere,
        routes::api_keys::revoke, "Revoke an API key", () => "200" dto::Done;
    SetMultiplier: POST "/api/v1/admin/businesses/{id}/multipliers", Access::Needs(Permission::ManageBusinesses), Header, Everywhere,
        routes::businesses::set_multiplier, "Set a multiplier for a period", dto::SetMultiplier => "201" dto::BusinessId;
    PhoneKey: POST "/api/v1/admin/businesses/{id}/phone-key", Access::Needs(Permission::ManageKeys), Header, Everywhere, routes::api_keys::phone_key,
        "Make the key of a business's phone_hash; shown once, the one before stops working",
        dto::NoFields => "201" dto::PhoneKey;
    RegisterMember: POST "/api/v1/admin/members", Access::Needs(Permission::RegisterMembers), Header, Everywhere, routes::members::register,
        "Register a member", dto::RegisterMember => "201" dto::MemberId;
    InviteInnerCircle: POST "/api/v1/admin/members/{id}/invite-inner-circle", Access::Needs(Permission::ManageStanding), Header, Everywhere,
        routes::standing::invite, "Invite a member to the inner circle", dto::NoFields => "200" dto::Standing;
    Uninvite: POST "/api/v1/admin/members/{id}/uninvite", Access::Needs(Permission::ManageStanding), Header, Everywhere, routes::standing::uninvite,
        "Withdraw the invitation; she is evaluated as all others", dto::NoFields => "200" dto::Standing;
    BlockMember: POST "/api/v1/admin/members/{id}/block", Access::Needs(Permission::BlockMembers), Header, Everywhere, routes::standing::block,
        "Block a member: she cannot buy or spend", dto::Block => "200" dto::Standing;
    UnblockMember: POST "/api/v1/admin/members/{id}/unblock", Access::Needs(Permission::BlockMembers), Header, Everywhere, routes::standing::unblock,
        "Unblock a member", dto::NoFields => "200" dto::Standing;
    ReceiveRequest: POST "/api/v1/admin/members/{id}/requests", SUBJECTS, Header, Everywhere, routes::requests::receive,
        "Write down a member's demand about her data that came another way than by the app",
        dto::ReceiveRequest => "201" dto::RequestDue;
    SubjectRequests: GET "/api/v1/admin/requests", SUBJECTS, Free, Everywhere, routes::requests::list,
        "Members' demands about their data, oldest first", () => "200" dto::SubjectRequests;
    AnswerRequest: POST "/api/v1/admin/requests/{id}/answer", SUBJECTS, Header, Everywhere, routes::requests::answer,
        "A demand was fulfilled, and she was told", dto::NoFields => "200" dto::RequestAnswered;
    RefuseRequest: POST "/api/v1/admin/requests/{id}/refuse", SUBJECTS, Header, Everywhere, routes::requests::refuse,
        "A demand was refused, and she was told why", dto::RefuseRequest => "200" dto::RequestAnswered;
    ExtendRequest: POST "/api/v1/admin/requests/{id}/extend", SUBJECTS, Header, Everywhere, routes::requests::extend,
        "An answer takes as much longer as the law allows, and she was told why", dto::ExtendRequest => "200" dto::RequestDue;
    BlockProcessing: POST "/api/v1/admin/members/{id}/block-processing", SUBJECTS, Header, Everywhere, routes::rights::block_processing,
        "Keep a member's data and use them no more while something is looked into (152-ФЗ art. 21): who asks for her gets 423",
        dto::BlockProcessing => "200" dto::Processing;
    UnblockProcessing: POST "/api/v1/admin/members/{id}/unblock-processing", SUBJECTS, Header, Everywhere,
        routes::rights::unblock_processing, "Use a member's data again", dto::UnblockProcessing => "200" dto::Processing;
    MergeMembers: POST "/api/v1/admin/members/{id}/merge", Access::Needs(Permission::MergeAccounts), Header, Everywhere, routes::standing::merge,
        "Two accounts of one woman become one: this one stands for both", dto::MergeAccounts => "200" dto::Standing;
    UnmergeMembers: POST "/api/v1/admin/members/{id}/unmerge", Access::Needs(Permission::MergeAccounts), Header, Everywhere, routes::standing::unmerge,
        "The other account stands for itself again", dto::MergeAccounts => "200" dto::Standing;
    EraseMember: POST "/api/v1/admin/members/{id}/erase", ERASERS, Header, Everywhere, routes::erasure::erase,
        "Forget a member: what is known of her is destroyed", dto::EraseMember => "200" dto::ErasureAnswer;
    MemberReport: GET "/api/v1/admin/members/{id}/report", REPORTERS, Free, Everywhere, routes::report::of_member,
        "What is known of a member, on her demand, without what a clinic's part in it would tell",
        () => "200" crate::report::SubjectReport;
    MemberReportPage: GET "/api/v1/admin/members/{id}/report.html", REPORTERS, Free, Everywhere,
        routes::report::of_member_html, "What is known of a member, to be printed and handed to her", () => "200" ();
    Erasures: GET "/api/v1/admin/erasures", KEEPERS, Free, Everywhere, routes::erasure::list,
        "Who was forgotten, by act", () => "200" dto::Erasures;
    DestructionAct: GET "/api/v1/admin/erasures/{id}/act", KEEPERS, Free, Everywhere, routes::erasure::act,
        "The act of destruction", () => "200" crate::erasure::papers::Act;
    DestructionActPage: GET "/api/v1/admin/erasures/{id}/act.html", KEEPERS, Free, Everywhere,
        routes::erasure::act_html, "The act of destruction, to be printed and signed", () => "200" ();
    LogExtract: GET "/api/v1/admin/erasures/{id}/extract", KEEPERS, Free, Everywhere, routes::erasure::extract,
        "The extract of the log about a destruction", () => "200" crate::erasure::papers::Extract;
    LogExtractPage: GET "/api/v1/admin/erasures/{id}/extract.html", KEEPERS, Free, Everywhere,
        routes::erasure::extract_html, "The extract of the log, to be printed", () => "200" ();
    Retention: GET "/api/v1/admin/retention", KEEPERS, Free, Everywhere, routes::erasure::retention,
        "Every category of personal data, its ground and its term", () => "200" dto::Retention;
    AdjustBonuses: POST "/api/v1/admin/members/{id}/adjust", Access::Needs(Permission::GrantBonuses), Header, Everywhere, routes::grants::adjust,
        "Correct a member's bonuses, up or down", dto::Adjust => "201" dto::Granted;
    GiftBonuses: POST "/api/v1/admin/members/{id}/gift", Access::Needs(Permission::GrantBonuses), Header, Everywhere, routes::grants::gift,
        "Give a member bonuses", dto::Gift => "201" dto::Granted;
    Approvals: GET "/api/v1/admin/approvals", APPROVERS, Free, Everywhere, routes::approvals::list,
        "What waits for a second person, and what did", () => "200" dto::Approvals;
    Approve: POST "/api/v1/admin/approvals/{id}/approve", APPROVERS, Header, Everywhere, routes::approvals::approve,
        "Approve what somebody else has asked for: it is carried out as it was asked for",
        dto::NoFields => "200" dto::ApprovalDecided;
    RejectApproval: POST "/api/v1/admin/approvals/{id}/reject", APPROVERS, Header, Everywhere,
        routes::approvals::reject, "Reject what somebody else has asked for", dto::RejectApproval => "200" dto::ApprovalDecided;
    PayPremium: POST "/api/v1/admin/members/{id}/premium", Access::Needs(Permission::ManageStanding), Header, Everywhere, routes::standing::pay_premium,
        "Report a payment for Premium", dto::PayPremium => "201" dto::Standing;
    CancelPremium: POST "/api/v1/admin/members/{id}/premium/cancel", Access::Needs(Permission::ManageStanding), Header, Everywhere,
        routes::standing::cancel_premium, "End a member's Premium now", dto::NoFields => "200" dto::Standing;
    PublishPolicy: POST "/api/v1/admin/policies", Access::Needs(Permission::PublishPolicies), Header, Everywhere, routes::policies::publish,
        "Publish a policy: only the parameters that change", dto::PublishPolicy => "201" dto::PolicyPublished;
    SimulatePolicy: POST "/api/v1/admin/policies/simulate", Access::Needs(Permission::Simulate), Free, Everywhere, routes::simulation::run,
        "Replay a period of the log under a draft policy; writes nothing. NDJSON out: progress, then the result",
        dto::SimulatePolicy => "200" dto::SimulationLine;
    Policies: GET "/api/v1/admin/policies", Access::Needs(Permission::ReadPolicies), Free, Everywhere, routes::policies::list,
        "All policies", () => "200" dto::Policies;
    Quarantine: GET "/api/v1/admin/quarantine", Access::Needs(Permission::ReadQuarantine), Free, Everywhere, routes::quarantine::list,
        "Documents that wait for an admin", () => "200" dto::Quarantine;
    ApplyQuarantined: POST "/api/v1/admin/quarantine/{id}/apply", Access::Needs(Permission::DecideQuarantine), Header, Everywhere,
        routes::quarantine::apply, "Record a document that waits", dto::NoFields => "200" dto::PurchaseAnswer;
    DropQuarantined: POST "/api/v1/admin/quarantine/{id}/drop", Access::Needs(Permission::DecideQuarantine), Header, Everywhere,
        routes::quarantine::discard, "Drop a document that waits", dto::NoFields => "200" dto::Dropped;
    TrialBalance: GET "/api/v1/admin/trial-balance", Access::Needs(Permission::ReadBooks), Free, Everywhere, routes::trial_balance::read,
        "Every account of the chart with its balance, and the standing checks", () => "200" dto::TrialBalance;
    Checkpoint: GET "/api/v1/audit/checkpoint", READERS, Free, Everywhere, routes::audit::checkpoint,
        "The signed head of the log's tree with its cosignatures, as text (C2SP tlog-checkpoint)", () => "200" ();
    Cosign: POST "/api/v1/audit/cosignatures", AUDITORS, Natural, Everywhere, routes::audit::cosign,
        "Keep what a witness says of a checkpoint (C2SP tlog-cosignature)", dto::Cosign => "201" dto::Cosigned;
    InclusionProof: GET "/api/v1/audit/proof/inclusion", READERS, Free, Everywhere, routes::audit::inclusion,
        "That an event is on the log (RFC 9162)", () => "200" dto::InclusionProof;
    ConsistencyProof: GET "/api/v1/audit/proof/consistency", READERS, Free, Everywhere, routes::audit::consistency,
        "That the log only grew (RFC 9162)", () => "200" dto::ConsistencyProof;
    AuditEvents: GET "/api/v1/audit/events", AUDITORS, Free, Everywhere, routes::audit::events,
        "Events as they are hashed, in the order of the log", () => "200" dto::AuditEvents;
    AccessRecords: GET "/api/v1/audit/access", AUDITORS, Free, Everywhere, routes::audit::accesses,
        "Who read or wrote whose personal data, which fields and why; never a value, the newest first",
        () => "200" dto::AccessRecords;
    SecurityEvents: GET "/api/v1/audit/security-events", Access::Needs(Permission::ReadSecurity), Free, Everywhere,
        routes::security_log::list, "What concerns security, by ids alone, the newest first",
        () => "200" dto::SecurityEvents;
    Import: POST "/api/v1/admin/import", Access::Needs(Permission::ImportPurchases), Natural, Everywhere, routes::import::run,
        "Bring in past purchases: NDJSON in, NDJSON out, line by line", dto::ImportLine => "200" dto::ImportOutcome;

    Outbox: GET "/api/v1/dev/outbox", Access::Open, Free, DevOnly, routes::dev::outbox,
        "The messages that would have been sent to a phone", () => "200" dto::Outbox;
    SetClock: POST "/api/v1/dev/clock", Access::Open, Free, DevOnly, routes::dev::clock,
        "Set the time of this installation", dto::SetClock => "200" dto::ClockSet;
    Settle: POST "/api/v1/dev/settle", Access::Open, Free, DevOnly, routes::dev::settle,
        "Answer once everything has caught up", () => "200" dto::Settled;

    Live: GET "/health/live", Access::Open, Free, Everywhere, routes::health::live,
        "The process runs", () => "200" dto::Health;
    Ready: GET "/health/ready", Access::Open, Free, Everywhere, routes::health::ready,
        "Everything this process needs answers", () => "200" dto::Health;
    Metrics: GET "/metrics", Access::Open, Free, Everywhere, routes::health::metrics,
        "Metrics for Prometheus", () => "200" ();
    OpenApiDocument: GET "/api/v1/openapi.json", Access::Open, Free, Everywhere, routes::health::openapi,
        "This document", () => "200" ();
}
