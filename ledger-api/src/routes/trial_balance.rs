//! The trial balance. Rules M1, M2.

use actix_web::web::Payload;

use crate::auth::Role;
use crate::call::{Answer, Call};
use crate::query;
use crate::read::journal::Accounts;
use crate::read::{self, Model};

pub(crate) async fn read(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    // The checks compare the two.
    read::wait(&call, Model::Balances, None).await?;
    let position = read::wait(&call, Model::Journal, None).await?;
    let accounts = match call.caller()?.role {
        Role::Auditor => Accounts::Shown,
        _ => read::journal::accounts_for_admins(&call.app),
    };
    let data = read::journal::trial_balance(&call.app, accounts).await?;
    call.read(&data, position)
}
